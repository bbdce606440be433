"""`azure-mgmt-billing`: what there is of accounts, invoices and credit."""

PERIOD = {"period_start_date": "2026-01-01", "period_end_date": "2026-11-18"}


def run(runs, worlds):
    for world in vars(worlds).values():
        accounts(runs, world)
        invoices(runs, world)
    profiles(runs, worlds.customer)
    enrollment_parts(runs, worlds.enterprise)
    agreement_parts(runs, worlds.customer)
    customers(runs, worlds.partner)


def accounts(runs, world):
    client = world.billing
    runs(world, client.billing_accounts.list)
    runs(world, client.billing_accounts.get, world.account)


def invoices(runs, world):
    client, account = world.billing, world.account
    amounts = {
        "total": "properties.total_amount.value",
        "tax": "properties.tax_amount.value",
        "due": "properties.amount_due.value",
    }
    found = runs(world, client.invoices.list_by_billing_account, account, **PERIOD, totals=amounts)
    if not found:
        return
    first = found[0]
    runs(world, client.invoices.get, first.name, totals=amounts)
    runs(world, client.invoices.get_by_billing_account, account, first.name, totals=amounts)
    document = {"document_name": first.properties.documents[0].name}
    if world.name == "payg":
        # Of the client's own subscription.
        own = runs(world, client.invoices.list_by_billing_subscription, **PERIOD, totals=amounts)
        if own:
            name, document = own[0].name, own[0].properties.documents[0].name
            runs(world, client.invoices.get_by_billing_subscription, name, totals=amounts)
            download = client.invoices.begin_download_by_billing_subscription
            runs(world, download, name, document_name=document)
            download = client.invoices.begin_download_documents_by_billing_subscription
            runs(world, download, [{"invoiceName": name, "documentName": document}])
        return
    runs(world, client.invoices.begin_download_by_billing_account, account, first.name, **document)
    if world.name == "enterprise":
        summary = client.invoices.begin_download_summary_by_billing_account
        runs(world, summary, account, first.name)
    else:
        documents = [{"invoiceName": first.name, "documentName": document["document_name"]}]
        download = client.invoices.begin_download_documents_by_billing_account
        runs(world, download, account, documents)


def profiles(runs, world):
    client, account, profile = world.billing, world.account, world.parents[0]
    runs(world, client.billing_profiles.list_by_billing_account, account)
    runs(world, client.billing_profiles.get, account, profile)
    available = {"amount": "properties.amount.value"}
    runs(world, client.available_balances.get_by_billing_profile, account, profile, totals=available)
    amounts = {"total": "properties.total_amount.value", "tax": "properties.tax_amount.value"}
    found = runs(world, client.invoices.list_by_billing_profile, account, profile, **PERIOD, totals=amounts)
    name = found[0].name if found else ""
    paid = {"amount": "properties.transaction_amount.value", "tax": "properties.tax.value"}
    transactions = client.transactions
    runs(world, transactions.list_by_invoice, account, name, totals=paid)
    summary = {"net": "sub_total", "tax": "tax"}
    runs(world, transactions.get_transaction_summary_by_invoice, account, name, totals=summary)
    for kind in ("Billed", "Unbilled"):
        listed = {**PERIOD, "type": kind, "case": kind, "totals": paid}
        runs(world, transactions.list_by_billing_profile, account, profile, **listed)


def enrollment_parts(runs, world):
    client, account = world.billing, world.account
    departments = runs(world, client.departments.list_by_billing_account, account)
    accounts = runs(world, client.enrollment_accounts.list_by_billing_account, account)
    runs(world, client.departments.get, account, departments[0].name)
    runs(world, client.enrollment_accounts.get, account, accounts[0].name)
    inside = client.enrollment_accounts
    found = runs(world, inside.list_by_department, account, departments[0].name)
    runs(world, inside.get_by_department, account, departments[0].name, found[0].name)
    subscriptions = runs(world, client.billing_subscriptions.list_by_billing_account, account)
    runs(world, client.billing_subscriptions.get, account, subscriptions[0].name)


def agreement_parts(runs, world):
    client, account, profile = world.billing, world.account, world.parents[0]
    sections = runs(world, client.invoice_sections.list_by_billing_profile, account, profile)
    runs(world, client.invoice_sections.get, account, profile, sections[0].name)
    runs(world, client.billing_subscriptions.list_by_billing_profile, account, profile)
    paid = {"amount": "properties.transaction_amount.value", "tax": "properties.tax.value"}
    listed = {**PERIOD, "type": "Billed", "totals": paid}
    transactions = client.transactions.list_by_invoice_section
    runs(world, transactions, account, profile, sections[0].name, **listed)


def customers(runs, world):
    client, account, profile = world.billing, world.account, world.parents[0]
    found = runs(world, client.customers.list_by_billing_account, account)
    runs(world, client.customers.get_by_billing_account, account, found[0].name)
    runs(world, client.customers.list_by_billing_profile, account, profile)
    runs(world, client.customers.get, account, profile, found[0].name)
    paid = {"amount": "properties.transaction_amount.value", "tax": "properties.tax.value"}
    listed = {**PERIOD, "type": "Billed", "totals": paid}
    runs(world, client.transactions.list_by_customer, account, profile, found[0].name, **listed)
