"""Table of all API routes: view, response type, example and required role.

Both the application and the OpenAPI document are built from it, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from smart_retail.analysis.tasks import TASKS
from smart_retail.protocol import Task
from smart_retail.results import (
    Audience,
    Cluster,
    ClusterPoint,
    CohortTable,
    CustomerMatch,
    CustomerPage,
    CustomerProfile,
    CustomerValue,
    ExpectedRevenue,
    GridCell,
    Item,
    ItemDetails,
    ItemsAccepted,
    Job,
    ModelInfo,
    ProductBundles,
    RecommendationList,
    ReplenishmentCalendar,
    Result,
    SalesComparison,
    Segment,
    Substitutes,
    Upload,
    ValueSummary,
)
from smart_retail_flask import admin_routes, job_routes, prometheus, routes
from smart_retail_flask.task_routes import EXAMPLES, task_view

EXAMPLE_JOB = "0123456789abcdef0123456789abcdef"
"""Id of the job in the examples of the documentation."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    rule: str
    """Flask URL rule; ids are ``<id:name>``."""
    view: Callable[..., Any]
    tag: str
    result: type[Result] | None = None
    """Type of the response, or of the elements of the array `field`; None for strings."""
    field: str = ""
    """Name of the array in the response; empty if the response is the result itself."""
    path: str = ""
    """Example path and query; empty if the rule is a valid path."""
    body: dict[str, Any] | None = None
    """Example body."""
    errors: tuple[int, ...] = ()
    """Error statuses in addition to those of every route."""
    mimetype: str = "application/json"
    role: str = "read"
    """Role that a key needs."""
    cacheable: bool = False
    """Whether the response may be cached; see `response_cache`."""

    @property
    def name(self) -> str:
        """Operation id in the document and endpoint in Flask."""
        return self.view.__name__


def _task_operation(task: type[Task[Any]]) -> Operation:
    """Return the route of a task."""
    assert task.route is not None
    method, rule = task.route
    query, body = EXAMPLES.get(task.name, ("", None))
    return Operation(
        method, rule, task_view(task), "Analyses and changes", task.result, path=rule + query if query else "",
        body=body, errors=(404, 409, 422, 501), role="admin",
    )  # fmt: skip


OPERATIONS = (
    Operation(
        "get", "/v1/customers/<id:customer_id>/recommendations", routes.recommend, "Recommendations",
        RecommendationList, path="/v1/customers/AA-10315/recommendations?method=hybrid&n=10", errors=(404,),
        cacheable=True,
    ),
    Operation(
        "post", "/v1/recommendations:batch", routes.recommend_batch, "Recommendations", RecommendationList, "lists",
        body={"customer_ids": ["AA-10315", "A/B", "."], "method": "hybrid", "n": 10},
    ),
    Operation(
        "post", "/v1/basket/recommendations", routes.recommend_basket, "Recommendations", RecommendationList,
        body={"item_ids": ["OFF-PA-10001970"], "n": 10},
    ),
    Operation(
        "get", "/v1/popular", routes.popular, "Recommendations", RecommendationList, path="/v1/popular?n=10",
        cacheable=True,
    ),
    Operation(
        "get", "/v1/customers", routes.search_customers, "Customers", CustomerMatch, "customers",
        path="/v1/customers?q=AA",
    ),
    Operation(
        "get", "/v1/customers:list", routes.list_customers, "Customers", CustomerPage,
        path="/v1/customers:list?sort=expected_spend&n=50", role="admin",
    ),
    Operation(
        "get", "/v1/customers/<id:customer_id>", routes.customer, "Customers", CustomerProfile,
        path="/v1/customers/AA-10315", errors=(404,), cacheable=True,
    ),
    Operation(
        "post", "/v1/customers:batch", routes.customers_batch, "Customers", CustomerProfile, "customers",
        body={"customer_ids": ["AA-10315", ".."]},
    ),
    Operation(
        "get", "/v1/customers/<id:customer_id>/value", routes.customer_value, "Customers", CustomerValue,
        path="/v1/customers/AA-10315/value?horizon_days=90", errors=(404,), cacheable=True,
    ),
    Operation(
        "post", "/v1/customers:value", routes.customer_values, "Customers", CustomerValue, "customers",
        body={"customer_ids": ["AA-10315", ".."], "horizon_days": 90},
    ),
    Operation(
        "get", "/v1/value", routes.value_summary, "Customers", ValueSummary, path="/v1/value?horizon_days=90",
    ),
    Operation(
        "get", "/v1/value/revenue", routes.expected_revenue, "Customers", ExpectedRevenue, "revenue",
        path="/v1/value/revenue?horizon_days=30&horizon_days=90",
    ),
    Operation(
        "get", "/v1/sales", routes.sales, "Customers", SalesComparison,
        path="/v1/sales",
    ),
    Operation(
        "get", "/v1/cohorts", routes.cohorts, "Customers", CohortTable, path="/v1/cohorts?period=month",
    ),
    Operation(
        "get", "/v1/replenishment", routes.replenishment, "Customers", ReplenishmentCalendar,
        path="/v1/replenishment?days=7",
    ),
    Operation(
        "delete", "/v1/customers/<id:customer_id>", admin_routes.erase_customer, "Changes", admin_routes.Receipt,
        path="/v1/customers/AA-10315", errors=(409, 501), role="admin",
    ),
    Operation(
        "post", "/v1/customers:erase", admin_routes.erase_by_body, "Changes", admin_routes.Receipt,
        body={"customer_id": ".."}, errors=(409, 501), role="admin",
    ),
    Operation(
        "post", "/v1/events", admin_routes.add_events, "Changes", admin_routes.EventsAccepted,
        body={"events": [{
            "event_id": "till-7/000123", "customer_id": "AA-10315", "item_id": "OFF-PA-10001970",
            "timestamp": "2026-01-31T14:05:00", "quantity": 2, "amount": 12.96,
        }]},
        errors=(422, 501), role="admin",
    ),
    Operation(
        "put", "/v1/items", admin_routes.put_items, "Changes", ItemsAccepted,
        body={"items": [{
            "item_id": "SKU-1001", "item_name": "Oak desk lamp", "category": "Lamps", "list_price": 39.9, "stock": 12,
            "attributes": {"colour": "oak"},
        }]},
        errors=(409, 422, 501), role="admin",
    ),
    Operation("get", "/v1/items", routes.search_items, "Items", Item, "items", path="/v1/items?q=paper"),
    Operation(
        "get", "/v1/items/<id:item_id>", routes.item, "Items", ItemDetails, path="/v1/items/OFF-PA-10001970",
        errors=(404,),
    ),
    Operation(
        "post", "/v1/items:details", routes.item_by_body, "Items", ItemDetails, body={"item_id": "A/B"}, errors=(404,),
    ),
    Operation(
        "get", "/v1/items/<id:item_id>/similar", routes.similar, "Items", RecommendationList,
        path="/v1/items/OFF-PA-10001970/similar?n=10", errors=(404,), cacheable=True,
    ),
    Operation(
        "post", "/v1/items:similar", routes.similar_by_body, "Items", RecommendationList,
        body={"item_id": "A/B", "n": 10}, errors=(404,),
    ),
    Operation(
        "get", "/v1/items/<id:item_id>/substitutes", routes.substitutes, "Items", Substitutes,
        path="/v1/items/OFF-PA-10001970/substitutes?n=10", errors=(404,), cacheable=True,
    ),
    Operation(
        "post", "/v1/items:substitutes", routes.substitutes_by_body, "Items", Substitutes,
        body={"item_id": "A/B", "n": 10}, errors=(404,),
    ),
    Operation(
        "get", "/v1/items/<id:item_id>/audience", routes.audience, "Items", Audience,
        path="/v1/items/OFF-PA-10001970/audience?n=100", errors=(404,), role="admin",
    ),
    Operation(
        "post", "/v1/items:audience", routes.audience_by_body, "Items", Audience,
        body={"item_id": "A/B", "n": 100}, errors=(404,), role="admin",
    ),
    Operation(
        "get", "/v1/bundles", routes.bundles, "Items", ProductBundles, path="/v1/bundles?sort=revenue&n=10",
        errors=(404,), cacheable=True,
    ),
    Operation("get", "/v1/categories", routes.categories, "Items", None, "categories"),
    Operation("get", "/v1/segments", routes.segments, "Groups", Segment, "segments"),
    Operation("get", "/v1/rfm-grid", routes.rfm_grid, "Groups", GridCell, "cells"),
    Operation("get", "/v1/clusters", routes.clusters, "Groups", Cluster, "clusters"),
    Operation(
        "get", "/v1/clusters/points", routes.cluster_points, "Groups", ClusterPoint, "points",
        path="/v1/clusters/points?limit=500",
    ),
    Operation("get", "/v1/model", routes.model, "Model", ModelInfo),
    *map(_task_operation, TASKS),
    Operation(
        "post", "/v1/jobs", job_routes.start_job, "Jobs", Job, body={"task": "what-if", "options": {"sample": 50}},
        errors=(404, 501), role="admin",
    ),
    Operation("get", "/v1/jobs", job_routes.list_jobs, "Jobs", Job, "jobs", errors=(501,), role="admin"),
    Operation(
        "get", "/v1/jobs/<id:job_id>", job_routes.job, "Jobs", Job, path=f"/v1/jobs/{EXAMPLE_JOB}",
        errors=(404, 501), role="admin",
    ),
    Operation(
        "get", "/v1/jobs/<id:job_id>/result", job_routes.job_result, "Jobs", path=f"/v1/jobs/{EXAMPLE_JOB}/result",
        errors=(404, 409, 501), role="admin",
    ),
    Operation(
        "delete", "/v1/jobs/<id:job_id>", job_routes.cancel_job, "Jobs", Job, path=f"/v1/jobs/{EXAMPLE_JOB}",
        errors=(404, 501), role="admin",
    ),
    Operation(
        "post", "/v1/uploads", job_routes.upload_file, "Jobs", Upload,
        body={"name": "orders.csv", "data": "Y3VzdG9tZXJfaWQK"}, errors=(404, 501), role="admin",
    ),
    Operation("get", "/livez", routes.livez, "Service", routes.Alive),
    Operation("get", "/readyz", routes.readyz, "Service", routes.Ready),
    Operation("get", "/metrics", prometheus.metrics, "Service", mimetype="text/plain", errors=(404,)),
)  # fmt: skip
