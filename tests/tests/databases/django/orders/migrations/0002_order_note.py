from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]
    operations = [
        migrations.AddField("Order", "note", models.CharField(max_length=80, default="")),
    ]
