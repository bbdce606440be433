"""`azure-mgmt-consumption` and `azure-mgmt-commerce`: everything they have."""

import datetime

MONTH = "202610"
DAYS = "properties/usageDate ge 2026-10-01 AND properties/usageDate le 2026-10-31"
EVENTS = "properties/eventDate ge 2025-12-01 AND properties/eventDate le 2026-11-18"
USAGE = "properties/usageStart ge '2026-10-01' and properties/usageEnd le '2026-11-18'"


def run(runs, worlds):
    usage(runs, worlds)
    accounts(runs, worlds)
    credits(runs, worlds)
    prices(runs, worlds)
    reservations(runs, worlds)
    budgets(runs, worlds.enterprise)
    commerce(runs, worlds.payg)


def usage(runs, worlds):
    for world in vars(worlds).values():
        details = world.consumption.usage_details
        modern = world.name in ("customer", "partner")
        scope = world.subscription_scope if world.name == "payg" else world.account_scope
        for metric in ("actualcost", "amortizedcost"):
            dates = {"params": {"startDate": "2026-10-01", "endDate": "2026-11-18"}}
            cost = "properties.cost_in_billing_currency" if modern else "properties.cost"
            runs(
                world,
                details.list,
                scope,
                metric=metric,
                case=metric,
                totals={"cost": cost, "quantity": "properties.quantity"},
                **(dates if modern else {"filter": USAGE, "expand": "meterDetails"}),
            )
    for world in (worlds.enterprise, worlds.payg):
        scope = world.subscription_scope if world.name == "payg" else world.account_scope
        runs(
            world,
            world.consumption.marketplaces.list,
            scope,
            filter=USAGE,
            totals={"cost": "properties.pretax_cost", "quantity": "properties.consumed_quantity"},
        )
    world = worlds.enterprise
    # The client has no way to ask for the other pages of tags.
    runs(world, world.consumption.tags.get, world.subscription_scope, items=lambda all: all.properties.tags)


def accounts(runs, worlds):
    world = worlds.enterprise
    client = world.consumption
    runs(world, client.operations.list)
    group = world.management_group
    totals = {
        "azure": "properties.azure_charges",
        "marketplace": "properties.marketplace_charges",
    }
    runs(world, client.aggregated_cost.get_by_management_group, group, totals=totals)
    runs(world, client.aggregated_cost.get_for_billing_period_by_management_group, group, MONTH, totals=totals)
    totals = {
        "beginning": "properties.beginning_balance",
        "ending": "properties.ending_balance",
        "usage": "properties.total_usage",
        "marketplace": "properties.azure_marketplace_service_charges",
    }
    runs(world, client.balances.get_by_billing_account, world.account, totals=totals)
    runs(world, client.balances.get_for_billing_period_by_billing_account, world.account, MONTH, totals=totals)
    runs(
        world,
        client.charges.list,
        f"{world.account_scope}/departments/{world.parents[0]}",
        case="department",
        filter="usageStart eq '2026-09-01' AND usageEnd eq '2026-10-31'",
        items=lambda all: all.value,
        totals={
            "azure": "properties.azure_charges",
            "marketplace": "properties.azure_marketplace_charges",
        },
    )
    world = worlds.customer
    runs(
        world,
        world.consumption.charges.list,
        f"{world.account_scope}/billingProfiles/{world.parents[0]}",
        case="billing profile",
        start_date="2026-09-01",
        end_date="2026-10-31",
        items=lambda all: all.value,
        totals={
            "azure": "properties.azure_charges.value",
            "marketplace": "properties.marketplace_charges.value",
        },
    )


def credits(runs, worlds):
    world = worlds.customer
    client, account, profile = world.consumption, world.account, world.parents[0]
    lots = {"original": "properties.original_amount.value", "closed": "properties.closed_balance.value"}
    events = {"closed": "properties.closed_balance.value", "charges": "properties.charges.value"}
    runs(
        world,
        client.credits.get,
        account,
        profile,
        totals={
            "estimated": "properties.balance_summary.estimated_balance.value",
            "current": "properties.balance_summary.current_balance.value",
        },
    )
    runs(world, client.lots.list_by_billing_profile, account, profile, totals=lots)
    macc = "status eq 'active' AND source eq 'consumptioncommitment'"
    found = runs(world, client.lots.list_by_billing_account, account, filter=macc, totals=lots)
    days = {"start_date": "2025-12-01", "end_date": "2026-11-30"}
    runs(world, client.events.list_by_billing_profile, account, profile, **days, totals=events)
    lot = found[0].name if found else ""
    macc = f"lotid eq '{lot}' AND lotsource eq 'consumptioncommitment'"
    runs(world, client.events.list_by_billing_account, account, filter=macc, totals=events)
    world = worlds.partner
    runs(world, world.consumption.lots.list_by_customer, world.account, world.customers[0], totals=lots)


def prices(runs, worlds):
    world = worlds.enterprise
    sheet = world.consumption.price_sheet
    sheets = {
        "expand": "properties/meterDetails",
        "items": lambda all: all.properties.pricesheets,
        "totals": {"price": "unit_price", "included": "included_quantity"},
    }
    runs(world, sheet.get, **sheets)
    runs(world, sheet.get_by_billing_period, MONTH, **sheets)
    runs(world, sheet.begin_download_by_billing_account_period, world.account, MONTH)


def reservations(runs, worlds):
    world = worlds.enterprise
    client, order = world.consumption, world.orders[0]
    hours = {"reserved": "properties.reserved_hours", "used": "properties.used_hours"}
    details, summaries = client.reservations_details, client.reservations_summaries
    account, one = world.account_scope, (order["order"], order["reservation"])
    runs(world, details.list, account, filter=DAYS, totals=hours)
    runs(world, details.list_by_reservation_order, one[0], filter=DAYS, totals=hours)
    runs(world, details.list_by_reservation_order_and_reservation, *one, filter=DAYS, totals=hours)
    for grain in ("daily", "monthly"):
        options = {"grain": grain, "case": grain, "filter": DAYS, "totals": hours}
        runs(world, summaries.list, account, **options)
        runs(world, summaries.list_by_reservation_order, one[0], **options)
        runs(world, summaries.list_by_reservation_order_and_reservation, *one, **options)
    transactions = client.reservation_transactions
    paid = {"amount": "properties.amount", "quantity": "properties.quantity"}
    runs(world, transactions.list, world.account, filter=EVENTS, totals=paid)
    advised = {"quantity": "properties.recommended_quantity", "savings": "properties.net_savings"}
    advice = runs(world, client.reservation_recommendations.list, account, totals=advised, case="legacy")
    detail = {"case": "legacy", "totals": {"quantity": "properties.savings.recommended_quantity"}}
    detailed(runs, world, account, advice, **detail)
    world = worlds.customer
    client = world.consumption
    profile = f"{world.account_scope}/billingProfiles/{world.parents[0]}"
    days = {"start_date": "2026-10-01", "end_date": "2026-10-31"}
    runs(world, client.reservations_details.list, profile, **days, totals=hours)
    for grain in ("daily", "monthly"):
        options = {"grain": grain, "case": grain, "totals": hours, **days}
        runs(world, client.reservations_summaries.list, profile, **options)
    transactions = client.reservation_transactions.list_by_billing_profile
    runs(world, transactions, world.account, world.parents[0], filter=EVENTS, totals=paid)
    advised = {**advised, "savings": "properties.net_savings.value"}
    runs(world, client.reservation_recommendations.list, profile, totals=advised, case="modern")


def detailed(runs, world, scope, advice, **options):
    """The details of the first advice."""
    first = advice[0] if advice else None
    runs(
        world,
        world.consumption.reservation_recommendation_details.get,
        scope,
        scope=first and first.properties.scope,
        region=first and first.location,
        term=first and first.properties.term,
        look_back_period=first and first.properties.look_back_period,
        product=first and first.sku,
        **options,
    )


def budgets(runs, world):
    client, scope = world.consumption.budgets, world.subscription_scope
    totals = {"amount": "properties.amount", "spent": "properties.current_spend.amount"}
    runs(world, client.list, scope, totals=totals)
    budget = {
        "properties": {
            "category": "Cost",
            "amount": 1234.5,
            "timeGrain": "Monthly",
            "timePeriod": {"startDate": "2026-11-01T00:00:00Z", "endDate": "2027-10-31T00:00:00Z"},
            "filter": {
                "and": [
                    {"dimensions": {"name": "ResourceGroupName", "operator": "In", "values": ["shop"]}},
                    {"tags": {"name": "team", "operator": "In", "values": ["shop", "web"]}},
                ]
            },
            "notifications": {
                "Actual_80": {
                    "enabled": True,
                    "operator": "GreaterThan",
                    "threshold": 80,
                    "contactEmails": ["owner@contoso.example"],
                }
            },
        }
    }
    made = runs(world, client.create_or_update, scope, "of-python", budget, case="create")
    if made is not None:
        made.properties.amount = 2000
        runs(world, client.create_or_update, scope, "of-python", made, case="update", totals={"amount": "properties.amount"})
    runs(world, client.get, scope, "of-python", totals={"amount": "properties.amount"})
    runs(world, client.delete, scope, "of-python")


def commerce(runs, world):
    client = world.commerce
    start = datetime.datetime(2026, 10, 20, tzinfo=datetime.timezone.utc)
    end = datetime.datetime(2026, 11, 10, tzinfo=datetime.timezone.utc)
    quantity = {"quantity": "quantity"}
    for details in (True, False):
        case = f"daily {'with' if details else 'without'} details"
        runs(world, client.usage_aggregates.list, start, end, show_details=details, case=case, totals=quantity)
    end = start + datetime.timedelta(days=2)
    hourly = {"aggregation_granularity": "Hourly", "case": "hourly"}
    runs(world, client.usage_aggregates.list, start, end, **hourly, totals=quantity)
    offer = "OfferDurableId eq 'MS-AZR-0003P' and Currency eq 'USD' and Locale eq 'en-US' and RegionInfo eq 'US'"
    runs(
        world,
        client.rate_card.get,
        offer,
        items=lambda card: card.meters,
        totals={"included": "included_quantity", "rate": "meter_rates.0"},
    )
