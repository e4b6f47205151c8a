"""Airflow's trigger form and its page of required actions, filled in as a person does it."""

import json
from collections.abc import Mapping
from urllib.parse import quote

from playwright.sync_api import Page, expect

from oi_tasks.local.airflow_api import Airflow, Run
from tests.e2e.common import check

LONG = 60_000  # milliseconds, for a machine that is busy with the training itself


class Form:
    """The form that starts a run of a DAG, open on its page."""

    def __init__(self, tab: Page, lines: Mapping[str, str], dag: str) -> None:
        self.tab, self.dag = tab, dag
        self.airflow = Airflow(lines["OI_AIRFLOW_URL"], lines["OI_AIRFLOW_USER"], lines["OI_AIRFLOW_PASSWORD"])
        tab.set_default_timeout(LONG)
        tab.goto(f"{lines['OI_AIRFLOW_URL']}/dags/{dag}")
        tab.get_by_role("button", name="Trigger").first.click()
        self.dialog = tab.get_by_role("dialog").first
        self.button = tab.get_by_test_id("trigger-dag-submit")
        self.dialog.get_by_text("Run Parameters").wait_for()

    def fill(self, field: str, text: str) -> None:
        """Type into a field."""
        self.dialog.locator(f"[name=element_{field}]").fill(text)

    def choose(self, field: str, option: str) -> None:
        """Choose from a list."""
        near = f"xpath=//input[@name='element_{field}']/ancestor::*[.//input[@role='combobox']][1]"
        box = self.dialog.locator(near).get_by_role("combobox")
        box.fill(option)
        self.tab.get_by_role("option", name=option, exact=True).click()

    def as_json(self, values: Mapping[str, object]) -> None:
        """Write the whole form as JSON, under its advanced options, as a person who pastes it does."""
        self.dialog.get_by_text("Advanced Options").click()
        self.dialog.locator(".monaco-editor").first.click()
        self.tab.keyboard.press("ControlOrMeta+A")
        self.tab.keyboard.insert_text(json.dumps(values))
        self.tab.keyboard.press("ControlOrMeta+Shift+End")  # quotes and brackets that the editor closed by itself
        self.tab.keyboard.press("Delete")

    def press(self) -> Run:
        """Start the run, and find it."""
        before = self.airflow.last_run(self.dag)
        expect(self.button).to_be_enabled(timeout=LONG)
        self.button.click()
        expect(self.button).to_be_hidden(timeout=LONG)
        run = self.airflow.last_run(self.dag)
        check(run is not None and (before is None or run.id != before.id), f"the form starts a run of {self.dag}")
        assert run is not None
        return run

    def refused(self, words: str) -> None:
        """The form says why a value cannot be, and starts nothing."""
        before = self.airflow.last_run(self.dag)
        if self.button.is_enabled():
            self.button.click()
        self.tab.get_by_text(words).first.wait_for()
        after = self.airflow.last_run(self.dag)
        # By their ids: an earlier run may go on meanwhile, and end.
        same = (after and after.id) == (before and before.id)
        check(same, f"the form of {self.dag} says {words!r}, and nothing starts")


def answer(tab: Page, lines: Mapping[str, str], run: Run, option: str, comment: str) -> None:
    """Answer the question of a run, on Airflow's page of required actions."""
    tab.set_default_timeout(LONG)
    address = f"{lines['OI_AIRFLOW_URL']}/dags/{run.dag_id}/runs/{quote(run.id, safe='')}"
    tab.goto(f"{address}/tasks/approve/required_actions")
    tab.locator("[name=element_comment]").fill(comment)
    tab.get_by_role("button", name=option, exact=True).click()
    tab.get_by_text("Response received").wait_for()
