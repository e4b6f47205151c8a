"""Open Images, retrained every night: the steps that Airflow runs, each of them also a command, `oi <job>`."""

__version__ = "0.1.0"
