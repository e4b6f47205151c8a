"""Expectations on the hierarchy, as Great Expectations classes; importing this makes their types known.

The table is the one of edges: kind, parent, child, depth, occurrence.
"""

from typing import Any, ClassVar

from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

from oi_tasks.core.hierarchy import Edge
from oi_tasks.quality.hierarchy_faults import HierarchyFaults, hierarchy_faults

METRIC = "table.hierarchy_faults"
EXAMPLES = 20


class TableHierarchyFaults(TableMetricProvider):  # type: ignore[misc]
    """All that is wrong with the hierarchy, looked for once for all expectations."""

    metric_name = METRIC

    @metric_value(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(
        cls,  # noqa: N805
        execution_engine: Any,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> HierarchyFaults:
        table, _, _ = execution_engine.get_compute_domain(metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE)
        table = table[["kind", "parent", "child", "depth", "occurrence"]]
        rows = table.astype(object).where(table.notna(), "").itertuples(index=False)
        return hierarchy_faults(Edge(*row) for row in rows)


class ExpectHierarchyToHaveNoCycle(BatchExpectation):  # type: ignore[misc]
    """No label is, through others, a kind or a part of itself."""

    fault: ClassVar[str] = "cycles"
    metric_dependencies = (METRIC,)
    domain_keys: ClassVar[tuple[str, ...]] = ()
    success_keys: ClassVar[tuple[str, ...]] = ()
    args_keys: ClassVar[tuple[str, ...]] = ()

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        faults: HierarchyFaults = metrics[METRIC]
        found = getattr(faults, self.fault)
        result = {"observed_value": len(found), "details": {"examples": list(found[:EXAMPLES])}}
        # That there is no hierarchy at all is told by the count of its rows.
        return {"success": not faults.edges or self._holds(len(found)), "result": result}

    def _holds(self, count: int) -> bool:
        return count == 0


class ExpectHierarchyToHaveOneRoot(ExpectHierarchyToHaveNoCycle):
    """Exactly one label is nobody's child."""

    fault: ClassVar[str] = "roots"

    def _holds(self, count: int) -> bool:
        return count == 1


class ExpectHierarchyLabelsToBeReachable(ExpectHierarchyToHaveNoCycle):
    """A path leads from the root to every label."""

    fault: ClassVar[str] = "unreachable"


class ExpectHierarchyPairsToHaveOneKind(ExpectHierarchyToHaveNoCycle):
    """No two labels are joined by both a Part and a Subcategory edge."""

    fault: ClassVar[str] = "two_kinds"


class ExpectHierarchyLabelsToStandOnce(ExpectHierarchyToHaveNoCycle):
    """Every label stands in one place of the hierarchy."""

    fault: ClassVar[str] = "several_places"
