"""Operations of `azure-mgmt-billing` that the product does not speak, by group or one by one, and
why. Of the other clients everything is run.

Spendwatch reads accounts, billing profiles, invoices, transactions and credit. It neither buys nor
pays nor decides who may do so, and it learns the parts of an account from cost data.
"""

_CONTRACTS = "contracts, addresses and terms of payment: nothing in them is a cost"
_PAYING = "means of payment: never read"
_PERMISSIONS = "who may do what in billing: Azure refuses what is not allowed, and that is told"
_POLICIES = "what an organization allows itself to buy: nothing in them is a cost"
_TRANSFERS = "hands subscriptions and products from one account to another"
_PARTS = "the parts of an account, which cost data name"
_PRODUCTS = "what was bought: its costs are in usage, its payments in transactions"
_CHANGES = "changes what is bought or billed"
_CORRECTIONS = "asks Microsoft to correct an invoice"
_TRANSACTIONS = "the same transactions that an invoice and a billing profile list"

_GROUPS = {
    "Address": _CONTRACTS,
    "Agreements": _CONTRACTS,
    "AssociatedTenants": _PERMISSIONS,
    "BillingPermissions": _PERMISSIONS,
    "BillingProperty": _CONTRACTS,
    "BillingRequests": _PERMISSIONS,
    "BillingRoleAssignments": _PERMISSIONS,
    "BillingRoleDefinition": _PERMISSIONS,
    "BillingSubscriptionsAliases": _PARTS,
    "PartnerTransfers": _TRANSFERS,
    "PaymentMethods": _PAYING,
    "Policies": _POLICIES,
    "Products": _PRODUCTS,
    "RecipientTransfers": _TRANSFERS,
    "ReservationOrders": _PRODUCTS,
    "Reservations": _PRODUCTS,
    "SavingsPlanOrders": _PRODUCTS,
    "SavingsPlans": _PRODUCTS,
    "Transfers": _TRANSFERS,
}

_SINGLE = {
    "AvailableBalancesOperations.get_by_billing_account": "the same credit by profile is read",
    "BillingAccountsOperations.begin_add_payment_terms": _CONTRACTS,
    "BillingAccountsOperations.begin_cancel_payment_terms": _CONTRACTS,
    "BillingAccountsOperations.begin_update": _CHANGES,
    "BillingAccountsOperations.confirm_transition": _CONTRACTS,
    "BillingAccountsOperations.list_invoice_sections_by_create_subscription_permission": _PERMISSIONS,
    "BillingAccountsOperations.validate_payment_terms": _CONTRACTS,
    "BillingProfilesOperations.begin_create_or_update": _CHANGES,
    "BillingProfilesOperations.begin_delete": _CHANGES,
    "BillingProfilesOperations.validate_delete_eligibility": _CHANGES,
    **{
        f"BillingSubscriptionsOperations.{name}": _CHANGES
        for name in (
            "begin_cancel",
            "begin_delete",
            "begin_merge",
            "begin_move",
            "begin_split",
            "begin_update",
            "validate_move_eligibility",
        )
    },
    **{
        f"BillingSubscriptionsOperations.{name}": _PARTS
        for name in (
            "get_by_billing_profile",
            "list_by_customer",
            "list_by_customer_at_billing_account",
            "list_by_enrollment_account",
            "list_by_invoice_section",
        )
    },
    "InvoiceSectionsOperations.begin_create_or_update": _CHANGES,
    "InvoiceSectionsOperations.begin_delete": _CHANGES,
    "InvoiceSectionsOperations.validate_delete_eligibility": _CHANGES,
    "InvoicesOperations.begin_amend": _CORRECTIONS,
    "Operations.list": "a list of names of operations",
    "TransactionsOperations.begin_transactions_download_by_invoice": _TRANSACTIONS,
}

UNSPOKEN = {f"billing.{name}Operations": reason for name, reason in _GROUPS.items()}
UNSPOKEN |= {f"billing.{name}": reason for name, reason in _SINGLE.items()}
