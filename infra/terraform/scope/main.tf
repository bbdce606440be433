# What spendwatch needs in a subscription or management group whose costs it reads: roles of its
# identity and, if asked for, an export of the costs.

resource "azurerm_role_assignment" "cost_reader_role" {
  count = var.assign_roles && !var.apply_native_budgets ? 1 : 0

  scope                = var.scope
  principal_id         = var.principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = "Cost Management Reader"
}

resource "azurerm_role_assignment" "cost_contributor_role" {
  count = var.assign_roles && var.apply_native_budgets ? 1 : 0

  scope                = var.scope
  principal_id         = var.principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = "Cost Management Contributor"
}

resource "azurerm_role_assignment" "monitoring_reader_role" {
  count = var.assign_roles && var.read_action_groups ? 1 : 0

  scope                = var.scope
  principal_id         = var.principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = "Monitoring Reader"
}

# The day of the first run is that on which the export is made, and stays.
resource "terraform_data" "export_from" {
  count = var.enable_cost_export ? 1 : 0

  triggers_replace = [var.scope, var.export_name, var.export_location, var.export_type, var.export_storage_id, var.export_from]

  input = var.export_from == "" ? formatdate("YYYY-MM-DD", timeadd(plantimestamp(), "24h")) : var.export_from

  lifecycle {
    ignore_changes = [input]
  }
}

# Every run has a folder of its own: one that is being written never takes the place of a whole one.
# By azapi, because azurerm knows neither FOCUS nor an identity of the export. One that is there is
# never changed, because Azure takes changes only with the eTag of the last one: when a variable does, it
# is made anew.
resource "azapi_resource" "cost_export" {
  count = var.enable_cost_export ? 1 : 0

  type      = "Microsoft.CostManagement/exports@2025-03-01"
  name      = var.export_name
  parent_id = var.scope
  location  = var.export_location

  identity {
    type = "SystemAssigned"
  }

  body = {
    properties = {
      compressionMode       = "gzip"
      dataOverwriteBehavior = "CreateNewReport"
      definition = {
        dataSet = {
          configuration = var.export_type == "FocusCost" ? { dataVersion = "1.0r2" } : null
          granularity   = "Daily"
        }
        timeframe = "MonthToDate"
        type      = var.export_type
      }
      deliveryInfo = {
        destination = {
          container      = "exports"
          resourceId     = var.export_storage_id
          rootFolderPath = basename(var.scope)
          type           = "AzureBlob"
        }
      }
      format        = "Csv"
      partitionData = true
      schedule = {
        recurrence = "Daily"
        recurrencePeriod = {
          from = "${terraform_data.export_from[0].output}T00:00:00Z"
          to   = "2050-01-01T00:00:00Z"
        }
        status = "Active"
      }
    }
  }

  ignore_null_property = true

  lifecycle {
    ignore_changes       = [body]
    replace_triggered_by = [terraform_data.export_from]
  }
}
