# migrate.py PORT DATABASE USER PASSWORD MIGRATION: runs Django's own migrate against PostgreSQL.
import sys

import django
from django.conf import settings
from django.core.management import call_command

port, database, user, password, migration = sys.argv[1:]
settings.configure(
    INSTALLED_APPS=["orders"],
    USE_TZ=True,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": "127.0.0.1",
            "PORT": port,
            "NAME": database,
            "USER": user,
            "PASSWORD": password,
        }
    },
)
django.setup()
call_command("migrate", "orders", migration, verbosity=0)
