variable "resource_group_name" {
  type        = string
  description = "Resource group of all resources. It exists already."
}

variable "location" {
  type        = string
  description = "Region of all resources."
}

variable "name" {
  type        = string
  description = "What the names of all resources begin with, after their kind: lower-case letters, digits and single hyphens."
  default     = "spendwatch"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9]|-[a-z0-9]){1,11}$", var.name)) && length(var.name) <= 12
    error_message = "name is 2 to 12 lower-case letters, digits and single hyphens, and begins with a letter."
  }
}

variable "name_suffix" {
  type        = string
  description = "What the names of all resources end with: 3 to 6 lower-case letters and digits. Without one it is worked out from the id of the resource group, the same by Bicep and by Terraform."
  default     = ""

  validation {
    condition     = var.name_suffix == "" || can(regex("^[a-z0-9]{3,6}$", var.name_suffix))
    error_message = "name_suffix is 3 to 6 lower-case letters and digits."
  }
}

variable "tags" {
  type        = map(string)
  description = "Tags of all resources."
  default     = {}
}

variable "evaluate_schedule" {
  type        = string
  description = "When budgets are evaluated: six fields, seconds first, UTC."
  default     = "0 0 */4 * * *"
}

variable "sync_schedule" {
  type        = string
  description = "When the budgets that Azure keeps are compared with the configuration: six fields, seconds first, UTC."
  default     = "0 30 3 * * *"
}

variable "config_source" {
  type        = string
  description = "Where the configuration is: in the package that is deployed, or in the container config of the storage account."
  default     = "package"

  validation {
    condition     = contains(["package", "blob"], var.config_source)
    error_message = "config_source is package or blob."
  }
}

variable "subscription_ids" {
  type        = list(string)
  description = "Ids of the subscriptions whose costs are read."
  default     = []
}

variable "apply_native_budgets" {
  type        = bool
  description = "Whether the app may write the budgets that Azure keeps in these subscriptions."
  default     = false
}

variable "read_action_groups" {
  type        = bool
  description = "Whether the app may read the action groups in these subscriptions, which budgets of Azure name."
  default     = false
}

variable "assign_roles" {
  type        = bool
  description = "Whether roles are assigned. Without it somebody else assigns those that infra/README.md lists."
  default     = true
}

variable "secret_settings" {
  type        = map(string)
  description = "Secrets of the configuration: the name of the app setting, and that of the secret in the vault."
  default     = {}
}

variable "extra_settings" {
  type        = map(string)
  description = "Further app settings by name, which win over those of the template. They are shown to whoever reads the deployment: secrets belong into secret_settings."
  default     = {}
}

variable "action_identity_id" {
  type        = string
  description = "Resource id of the identity that carries out actions, if there is one."
  default     = ""
}

variable "action_client_id" {
  type        = string
  description = "Client id of the identity that carries out actions."
  default     = ""
}

variable "instance_memory_mb" {
  type        = number
  description = "Memory of an instance, in MB."
  default     = 512

  validation {
    condition     = contains([512, 2048, 4096], var.instance_memory_mb)
    error_message = "instance_memory_mb is 512, 2048 or 4096."
  }
}

variable "maximum_instance_count" {
  type        = number
  description = "How many instances there may be at a time. Not all regions take less than 40."
  default     = 40

  validation {
    condition     = var.maximum_instance_count >= 1 && var.maximum_instance_count <= 1000
    error_message = "maximum_instance_count is 1 to 1000."
  }
}

variable "runtime_name" {
  type        = string
  description = "Runtime of the function app."
  default     = "custom"
}

variable "runtime_version" {
  type        = string
  description = "Version of the runtime."
  default     = "1.0"
}

variable "log_level" {
  type        = string
  description = "What is logged: a level, or a filter by module."
  default     = "info"
}

variable "otlp_endpoint" {
  type        = string
  description = "Where telemetry of the handler goes by OTLP. Nowhere if empty."
  default     = ""
}

variable "network_mode" {
  type        = string
  description = "Whether storage and vault are reached by public endpoints, or only from a network of their own."
  default     = "public"

  validation {
    condition     = contains(["public", "private"], var.network_mode)
    error_message = "network_mode is public or private."
  }
}

variable "virtual_network_address_prefix" {
  type        = string
  description = "Addresses of the network; the first two /26 networks of it are used."
  default     = "10.90.0.0/24"
}

variable "public_inbound" {
  type        = bool
  description = "Whether the app may be called from outside of the network. It always may when there is none."
  default     = true
}

variable "enable_action_group" {
  type        = bool
  description = "Whether there is an action group that tells the app of alerts of the budgets that Azure keeps. Only once the code is deployed."
  default     = false
}

variable "native_alert_object_id" {
  type        = string
  description = "Object id of the app registration that the action group gets tokens for. Without one it shows a function key only."
  default     = ""
}

variable "native_alert_identifier_uri" {
  type        = string
  description = "Audience of these tokens: the identifier URI of the app registration."
  default     = ""
}

variable "enable_cost_export" {
  type        = bool
  description = "Whether there is a storage account for exports of costs, with a queue that hears of them."
  default     = false
}

variable "export_scope" {
  type        = string
  description = "Subscription that exports its costs, /subscriptions/ID. Without one exports are made elsewhere."
  default     = ""
}

variable "export_type" {
  type        = string
  description = "What is exported."
  default     = "FocusCost"

  validation {
    condition     = contains(["FocusCost", "ActualCost", "AmortizedCost"], var.export_type)
    error_message = "export_type is FocusCost, ActualCost or AmortizedCost."
  }
}

variable "enable_communication" {
  type        = bool
  description = "Whether there is a service that sends mail, with a domain that Azure manages."
  default     = false
}

variable "data_location" {
  type        = string
  description = "Where the mail service keeps its data."
  default     = "Europe"
}

variable "email_domain_ids" {
  type        = list(string)
  description = "Resource ids of further mail domains, which are verified."
  default     = []
}

variable "alert_emails" {
  type        = list(string)
  description = "Mail addresses that hear when spendwatch itself does not work."
  default     = []
}

variable "evaluation_late_hours" {
  type        = number
  description = "After how many hours without an evaluation it is told."
  default     = 26

  validation {
    condition     = var.evaluation_late_hours >= 2 && var.evaluation_late_hours <= 47
    error_message = "evaluation_late_hours is 2 to 47: a rule looks back for two days at most."
  }
}

variable "stale_data_hours" {
  type        = number
  description = "How old the costs of the last evaluation may be, in hours, before it is told."
  default     = 72

  validation {
    condition     = var.stale_data_hours >= 1
    error_message = "stale_data_hours is at least 1."
  }
}

variable "retention_days" {
  type        = number
  description = "How long logs are kept, in days, in a workspace of our own."
  default     = 30

  validation {
    condition     = var.retention_days >= 30 && var.retention_days <= 730
    error_message = "retention_days is 30 to 730."
  }
}

variable "log_analytics_workspace_id" {
  type        = string
  description = "Resource id of a Log Analytics workspace that exists already, in the same region."
  default     = ""
}

variable "enable_dashboard" {
  type        = bool
  description = "Whether there is a workbook that shows how spendwatch works."
  default     = true
}

variable "deployment_principal_id" {
  type        = string
  description = "Object id of whoever uploads configuration and secrets."
  default     = ""
}
