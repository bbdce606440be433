"""`azure-mgmt-costmanagement`: everything it has."""

MONTH = "202610"
PERIOD = {"from": "2026-10-01T00:00:00Z", "to": "2026-11-18T00:00:00Z"}
SUM = {"totalCost": {"name": "Cost", "function": "Sum"}}
VIEW = {
    "eTag": None,
    "properties": {
        "displayName": "Costs by service",
        "chart": "Area",
        "accumulated": "true",
        "metric": "ActualCost",
        "kpis": [],
        "pivots": [{"type": "Dimension", "name": "ServiceName"}],
        "query": {
            "type": "Usage",
            "timeframe": "MonthToDate",
            "dataSet": {"granularity": "Daily", "aggregation": SUM},
        },
    },
}


def run(runs, worlds):
    operations(runs, worlds)
    queries(runs, worlds)
    alerts(runs, worlds.enterprise)
    budgets(runs, worlds.enterprise)
    exports(runs, worlds.enterprise)
    scheduled_actions(runs, worlds.enterprise)
    views(runs, worlds.enterprise)
    settings(runs, worlds.enterprise)
    reports(runs, worlds)
    benefits(runs, worlds)


def operations(runs, worlds):
    runs(worlds.enterprise, worlds.enterprise.cost_management.operations.list)


def queries(runs, worlds):
    external = ("externalSubscriptions", "aws-1")
    for world in vars(worlds).values():
        client = world.cost_management
        for scope, case in ((world.subscription_scope, "subscription"), (world.account_scope, "account")):
            if world.name == "payg" and case == "account":
                continue
            for kind in ("ActualCost", "AmortizedCost"):
                query = {
                    "type": kind,
                    "timeframe": "Custom",
                    "timePeriod": PERIOD,
                    "dataset": {
                        "granularity": "Daily",
                        "aggregation": SUM,
                        "grouping": [{"type": "Dimension", "name": "ServiceName"}],
                    },
                }
                totals = {"cost": "Cost"}
                runs(world, client.query.usage, scope, query, case=f"{case} {kind}", items=rows, totals=totals)
    world = worlds.enterprise
    client, scope = world.cost_management, world.subscription_scope
    query = {"type": "Usage", "timeframe": "MonthToDate", "dataset": {"granularity": "None", "aggregation": SUM}}
    runs(world, client.query.usage_by_external_cloud_provider_type, *external, query, items=rows)
    forecast = {
        "type": "ActualCost",
        "timeframe": "Custom",
        "timePeriod": {"from": "2026-11-01T00:00:00Z", "to": "2026-11-30T00:00:00Z"},
        "dataset": {"granularity": "Daily", "aggregation": SUM},
        "includeActualCost": True,
        "includeFreshPartialCost": False,
    }
    totals = {"cost": "Cost"}
    runs(world, client.forecast.usage, scope, forecast, items=rows, totals=totals)
    runs(world, client.forecast.external_cloud_provider_usage, *external, forecast, items=rows)
    filters = "properties/usageStart ge '2026-10-01' and properties/usageEnd le '2026-10-31'"
    listed = {"filter": filters, "expand": "properties/data"}
    runs(world, client.dimensions.list, scope, **listed, totals={"values": "properties.total"})
    runs(world, client.dimensions.by_external_cloud_provider_type, *external, top=5)


def rows(result):
    """The rows as mappings from the names of the columns."""
    names = [column.name for column in result.columns]
    return [dict(zip(names, row, strict=True)) for row in result.rows]


def alerts(runs, world):
    client, scope = world.cost_management.alerts, world.subscription_scope
    raised = runs(
        world,
        client.list,
        scope,
        items=lambda all: all.value,
        totals={"spent": "properties.details.current_spend", "threshold": "properties.details.threshold"},
    )
    name = raised.value[0].name if raised and raised.value else "none"
    runs(world, client.get, scope, name)
    runs(world, client.dismiss, scope, name, {"properties": {"status": "Dismissed"}})
    runs(world, client.list_external, "externalSubscriptions", "aws-1", items=lambda all: all.value)


def budgets(runs, world):
    client, scope = world.cost_management.budgets, world.subscription_scope
    totals = {"amount": "properties.amount", "spent": "properties.current_spend.amount"}
    runs(world, client.list, scope, totals=totals)
    costs = "properties/category eq 'Cost'"
    runs(world, client.list, scope, filter=costs, case="of costs", totals=totals)
    budget = {
        "properties": {
            "category": "Cost",
            "amount": 500,
            "timeGrain": "Quarterly",
            "timePeriod": {"startDate": "2026-10-01T00:00:00Z", "endDate": "2027-09-30T00:00:00Z"},
            "notifications": {},
        }
    }
    made = runs(world, client.create_or_update, scope, "of-python", budget, case="create")
    if made is not None:
        runs(world, client.create_or_update, scope, "of-python", made, case="update")
    runs(world, client.get, scope, "of-python", totals=totals)
    runs(world, client.delete, scope, "of-python")


def exports(runs, world):
    client, scope = world.cost_management.exports, world.subscription_scope
    storage = f"{scope}/resourceGroups/finance/providers/Microsoft.Storage/storageAccounts/costs"
    export = {
        "properties": {
            "format": "Csv",
            "deliveryInfo": {
                "destination": {"resourceId": storage, "container": "exports", "rootFolderPath": "python"}
            },
            "definition": {
                "type": "ActualCost",
                "timeframe": "MonthToDate",
                "dataSet": {"granularity": "Daily"},
            },
            "schedule": {
                "status": "Active",
                "recurrence": "Daily",
                "recurrencePeriod": {"from": "2026-11-19T00:00:00Z", "to": "2027-11-18T00:00:00Z"},
            },
        }
    }
    made = runs(world, client.create_or_update, scope, "of-python", export, case="create")
    if made is not None:
        runs(world, client.create_or_update, scope, "of-python", made, case="update")
    runs(world, client.execute, scope, "of-python")
    period = {"timePeriod": {"from": "2026-10-01T00:00:00Z", "to": "2026-10-31T00:00:00Z"}}
    runs(world, client.execute, scope, "of-python", period, case="a past month")
    runs(world, client.get_execution_history, scope, "of-python", items=lambda all: all.value)
    runs(world, client.get, scope, "of-python", expand="runHistory")
    runs(world, client.list, scope, expand="runHistory", items=lambda all: all.value)
    runs(world, client.delete, scope, "of-python")


def scheduled_actions(runs, world):
    client, scope = world.cost_management.scheduled_actions, world.subscription_scope

    def action(kind, view):
        return {
            "kind": kind,
            "properties": {
                "displayName": "Of Python",
                "status": "Enabled",
                "viewId": view,
                "notification": {"to": ["owner@contoso.example"], "subject": "Costs"},
                "schedule": {
                    "frequency": "Daily",
                    "startDate": "2026-11-18T00:00:00Z",
                    "endDate": "2027-11-17T00:00:00Z",
                },
            },
        }

    mail = action("Email", "/providers/Microsoft.CostManagement/views/ms:CostByService")
    wanted = {"name": "of-python", "type": "Microsoft.CostManagement/ScheduledActions"}
    runs(world, client.check_name_availability, wanted)
    runs(world, client.create_or_update, "of-python", mail)
    runs(world, client.get, "of-python")
    runs(world, client.list)
    runs(world, client.run, "of-python")
    runs(world, client.delete, "of-python")
    view = f"{scope}/providers/Microsoft.CostManagement/views/ms:DailyAnomalyByResourceGroup"
    runs(world, client.check_name_availability_by_scope, scope, wanted)
    runs(world, client.create_or_update_by_scope, scope, "of-python", action("InsightAlert", view))
    runs(world, client.get_by_scope, scope, "of-python")
    runs(world, client.list_by_scope, scope)
    runs(world, client.list_by_scope, scope, filter=f"properties/viewId eq '{view}'", case="of a view")
    runs(world, client.run_by_scope, scope, "of-python")
    runs(world, client.delete_by_scope, scope, "of-python")


def views(runs, world):
    client, scope = world.cost_management.views, world.subscription_scope
    runs(world, client.create_or_update, "of-python", VIEW)
    runs(world, client.get, "of-python")
    runs(world, client.list)
    runs(world, client.delete, "of-python")
    made = runs(world, client.create_or_update_by_scope, scope, "of-python", VIEW, case="create")
    if made is not None:
        runs(world, client.create_or_update_by_scope, scope, "of-python", made, case="update")
    runs(world, client.get_by_scope, scope, "of-python")
    runs(world, client.list_by_scope, scope)
    runs(world, client.delete_by_scope, scope, "of-python")


def settings(runs, world):
    client, scope = world.cost_management.settings, world.account_scope
    tags = {"kind": "taginheritance", "properties": {"preferContainerTags": True}}
    runs(world, client.create_or_update_by_scope, scope, "taginheritance", tags)
    runs(world, client.get_by_scope, scope, "taginheritance")
    runs(world, client.list, scope, items=lambda all: all.value)
    runs(world, client.delete_by_scope, scope, "taginheritance")
    client, account = world.cost_management.cost_allocation_rules, world.account
    first, second = world.subscriptions[:2]
    rule = {
        "properties": {
            "status": "Active",
            "description": "Share what is shared",
            "details": {
                "sourceResources": [
                    {"resourceType": "Dimension", "name": "SubscriptionId", "values": [first]}
                ],
                "targetResources": [
                    {
                        "resourceType": "Dimension",
                        "name": "SubscriptionId",
                        "policyType": "FixedProportion",
                        "values": [{"name": second, "percentage": 100}],
                    }
                ],
            },
        }
    }
    wanted = {"name": "of-python", "type": "Microsoft.CostManagement/costAllocationRules"}
    runs(world, client.check_name_availability, account, wanted)
    runs(world, client.create_or_update, account, "of-python", rule)
    runs(world, client.get, account, "of-python")
    runs(world, client.list, account)
    runs(world, client.delete, account, "of-python")


def reports(runs, worlds):
    world = worlds.enterprise
    client, scope = world.cost_management, world.account_scope
    days = {"start": "2026-10-01", "end": "2026-10-31"}
    told = []

    def remember(response):
        told.append(response.http_response.headers)

    for metric in ("ActualCost", "AmortizedCost"):
        body = {"metric": metric, "timePeriod": days}
        totals = {"bytes": "manifest.byte_count", "files": "manifest.blob_count"}
        create = client.generate_cost_details_report.begin_create_operation
        runs(world, create, scope, body, case=metric, totals=totals, raw_response_hook=remember)
    again = client.generate_cost_details_report.begin_get_operation_results
    runs(world, again, scope, operation_in(told, "location"), totals={"bytes": "manifest.byte_count"})
    told.clear()
    create = client.generate_detailed_cost_report.begin_create_operation
    runs(world, create, scope, {"metric": "ActualCost", "timePeriod": days}, raw_response_hook=remember)
    status = operation_in(told, "azure-consumption-asyncoperation")
    runs(world, client.generate_detailed_cost_report_operation_status.get, status, scope)
    results = client.generate_detailed_cost_report_operation_results.begin_get
    runs(world, results, operation_in(told, "location"), scope)
    days = {"start_date": "2026-10-01", "end_date": "2026-10-31"}
    details = client.generate_reservation_details_report
    runs(world, details.begin_by_billing_account_id, world.account, **days)
    runs(world, client.price_sheet.begin_download_by_billing_account, world.account, MONTH)
    world = worlds.customer
    client, account, profile = world.cost_management, world.account, world.parents[0]
    details = client.generate_reservation_details_report
    runs(world, details.begin_by_billing_profile_id, account, profile, **days)
    runs(world, client.price_sheet.begin_download_by_billing_profile, account, profile)
    invoice = next(iter(world.billing.invoices.list_by_billing_profile(account, profile)))
    runs(world, client.price_sheet.begin_download_by_invoice, account, profile, invoice.name)


def operation_in(told, header):
    """The operation's id in the first link of this name that the service gave."""
    links = (headers[header] for headers in told if header in headers)
    return next(links, "none").split("?")[0].rpartition("/")[2]


def benefits(runs, worlds):
    world = worlds.customer
    account, profile = world.account, world.parents[0]
    order = world.orders[0]
    client = world.cost_management
    scope = f"{world.account_scope}/billingProfiles/{profile}"
    runs(world, client.benefit_recommendations.list, scope)
    summaries = client.benefit_utilization_summaries
    days = "properties/usageDate ge 2026-10-01 and properties/usageDate le 2026-10-31"
    listed = {"grain_parameter": "Daily", "filter": days}
    plan = ("00000000-0000-4000-8000-00000000a001", "00000000-0000-4000-8000-00000000a002")
    runs(world, summaries.list_by_billing_account_id, account, **listed)
    runs(world, summaries.list_by_billing_profile_id, account, profile, **listed)
    runs(world, summaries.list_by_savings_plan_order, plan[0], **listed)
    runs(world, summaries.list_by_savings_plan_id, *plan, **listed)
    report = client.generate_benefit_utilization_summaries_report
    days = {"grain": "Daily", "startDate": "2026-10-01T00:00:00Z", "endDate": "2026-10-31T00:00:00Z"}
    of_account = {**days, "billingAccountId": account, "kind": "Reservation"}
    runs(world, report.begin_generate_by_billing_account, account, of_account)
    of_profile = {**of_account, "billingProfileId": profile}
    runs(world, report.begin_generate_by_billing_profile, account, profile, of_profile)
    runs(world, report.begin_generate_by_reservation_order_id, order["order"], days)
    runs(world, report.begin_generate_by_reservation_id, order["order"], order["reservation"], days)
    runs(world, report.begin_generate_by_savings_plan_order_id, plan[0], days)
    runs(world, report.begin_generate_by_savings_plan_id, *plan, days)
