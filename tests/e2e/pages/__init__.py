"""What people see and do in a browser, over servers that run a demo: `python -m tests.e2e.pages STATE FOLDER`.

Signs in to Airflow, opens the DAGs, the Open Images tab, the reports and the registry, at 1280 pixels and, in dark mode,
at 400, and keeps a picture of each in FOLDER. A page of ours that fails to load, logs an error, asks another origin for
something, is wider than the screen or has what axe-core calls serious is a fault; so is a table that does not sort, a
photo that does not open, a link that leads nowhere, and whoever may do what they should not. Without a Chromium on this
machine it says so, and checks the rights alone.
"""

from tests.e2e.pages.walk import walk

__all__ = ["walk"]
