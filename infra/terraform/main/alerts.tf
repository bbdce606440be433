# Who watches the watcher: rules over the logs that tell when spendwatch itself does not work, and a
# workbook that shows how it does. docs/runbook.md has a section for each rule.

locals {
  queries          = "${path.module}/../../queries"
  action_group_ids = azurerm_monitor_action_group.alert_group[*].id
}

resource "azurerm_monitor_action_group" "alert_group" {
  count = length(var.alert_emails) == 0 ? 0 : 1

  name                = "ag-${local.base}"
  location            = "global"
  resource_group_name = var.resource_group_name
  tags                = var.tags
  enabled             = true
  short_name          = "spendwatch"

  dynamic "email_receiver" {
    for_each = var.alert_emails

    content {
      name                    = email_receiver.value
      email_address           = email_receiver.value
      use_common_alert_schema = true
    }
  }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "failed_invocations_rule" {
  name                    = "${local.base}-failed-invocations"
  location                = var.location
  resource_group_name     = var.resource_group_name
  tags                    = var.tags
  description             = "Functions of spendwatch failed three times within an hour. See docs/runbook.md#failed-invocations"
  display_name            = "${local.base}-failed-invocations"
  enabled                 = true
  severity                = 2
  evaluation_frequency    = "PT15M"
  window_duration         = "PT1H"
  scopes                  = [local.workspace_id]
  auto_mitigation_enabled = true
  skip_query_validation   = true

  criteria {
    operator                = "GreaterThanOrEqual"
    query                   = replace(file("${local.queries}/failed-invocations.kql"), "{component}", azurerm_application_insights.component.id)
    threshold               = 3
    time_aggregation_method = "Count"

    failing_periods {
      minimum_failing_periods_to_trigger_alert = 1
      number_of_evaluation_periods             = 1
    }
  }

  action {
    action_groups = local.action_group_ids
  }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "poison_messages_rule" {
  name                    = "${local.base}-poison-messages"
  location                = var.location
  resource_group_name     = var.resource_group_name
  tags                    = var.tags
  description             = "A message of spendwatch was given up after five attempts. See docs/runbook.md#poison-messages"
  display_name            = "${local.base}-poison-messages"
  enabled                 = true
  severity                = 2
  evaluation_frequency    = "PT15M"
  window_duration         = "PT1H"
  scopes                  = [local.workspace_id]
  auto_mitigation_enabled = true
  skip_query_validation   = true

  criteria {
    operator                = "GreaterThan"
    query                   = replace(file("${local.queries}/poison-messages.kql"), "{storage}", azurerm_storage_account.storage.name)
    threshold               = 0
    time_aggregation_method = "Count"

    failing_periods {
      minimum_failing_periods_to_trigger_alert = 1
      number_of_evaluation_periods             = 1
    }
  }

  action {
    action_groups = local.action_group_ids
  }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "evaluation_late_rule" {
  name                    = "${local.base}-evaluation-late"
  location                = var.location
  resource_group_name     = var.resource_group_name
  tags                    = var.tags
  description             = "spendwatch evaluated no budget for ${var.evaluation_late_hours} hours. See docs/runbook.md#evaluation-late"
  display_name            = "${local.base}-evaluation-late"
  enabled                 = true
  severity                = 1
  evaluation_frequency    = "PT1H"
  window_duration         = "P2D"
  scopes                  = [local.workspace_id]
  auto_mitigation_enabled = true
  skip_query_validation   = true

  criteria {
    operator                = "GreaterThan"
    query                   = replace(replace(file("${local.queries}/evaluation-late.kql"), "{component}", azurerm_application_insights.component.id), "{hours}", tostring(var.evaluation_late_hours))
    threshold               = 0
    time_aggregation_method = "Count"

    failing_periods {
      minimum_failing_periods_to_trigger_alert = 1
      number_of_evaluation_periods             = 1
    }
  }

  action {
    action_groups = local.action_group_ids
  }
}

resource "azurerm_monitor_scheduled_query_rules_alert_v2" "stale_data_rule" {
  name                    = "${local.base}-stale-data"
  location                = var.location
  resource_group_name     = var.resource_group_name
  tags                    = var.tags
  description             = "The costs that spendwatch judges are older than ${var.stale_data_hours} hours. See docs/runbook.md#stale-data"
  display_name            = "${local.base}-stale-data"
  enabled                 = true
  severity                = 2
  evaluation_frequency    = "PT1H"
  window_duration         = "P2D"
  scopes                  = [local.workspace_id]
  auto_mitigation_enabled = true
  skip_query_validation   = true

  criteria {
    operator                = "GreaterThan"
    query                   = replace(replace(file("${local.queries}/stale-data.kql"), "{component}", azurerm_application_insights.component.id), "{hours}", tostring(var.stale_data_hours))
    threshold               = 0
    time_aggregation_method = "Count"

    failing_periods {
      minimum_failing_periods_to_trigger_alert = 1
      number_of_evaluation_periods             = 1
    }
  }

  action {
    action_groups = local.action_group_ids
  }
}

# Its name is what guid() makes of the same in Bicep, which knows this namespace only.
resource "azurerm_application_insights_workbook" "workbook" {
  count = var.enable_dashboard ? 1 : 0

  name                = uuidv5("11fb06fb-712d-4ddd-98c7-e71bbd588830", "${local.resource_group_id}-${local.base}-workbook")
  location            = var.location
  resource_group_name = var.resource_group_name
  tags                = var.tags
  category            = "workbook"
  display_name        = "spendwatch (${local.base})"
  source_id           = lower(azurerm_application_insights.component.id)
  data_json           = replace(replace(replace(file("${path.module}/../../workbook.json"), "{component}", azurerm_application_insights.component.id), "{workspace}", local.workspace_id), "{storage}", azurerm_storage_account.storage.name)
}
