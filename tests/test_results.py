"""What runs leave: where people find it."""

from oi_tasks.results import report_page

PLACE = "oi-reports/errors/3f9a.html"


def test_a_report_is_read_in_the_tab_where_airflow_is_known() -> None:
    """The address is the tab's own, with or without a slash at Airflow's end; the store's where there is no Airflow."""
    tab = "https://air.example/open-images/report/errors/3f9a.html"
    assert report_page("https://air.example", "http://minio:9000", PLACE) == tab
    assert report_page("https://air.example/", "http://minio:9000", PLACE) == tab
    assert report_page("", "http://minio:9000", PLACE) == "http://minio:9000/oi-reports/errors/3f9a.html"
