# Alembic's offline mode: it prints the statements that it would run, its own table's included.
from alembic import context

context.configure(
    dialect_name=context.get_x_argument(as_dictionary=True)["dialect"],
    literal_binds=True,
)
with context.begin_transaction():
    context.run_migrations()
