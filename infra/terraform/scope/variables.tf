variable "scope" {
  type        = string
  description = "Subscription or management group: /subscriptions/ID or /providers/Microsoft.Management/managementGroups/NAME."
}

variable "principal_id" {
  type        = string
  description = "Object id of the identity of the app."
  default     = ""
}

variable "assign_roles" {
  type        = bool
  description = "Whether roles are assigned."
  default     = true
}

variable "apply_native_budgets" {
  type        = bool
  description = "Whether the app may write the budgets that Azure keeps here."
  default     = false
}

variable "read_action_groups" {
  type        = bool
  description = "Whether the app may read the action groups here, which budgets of Azure name."
  default     = false
}

variable "enable_cost_export" {
  type        = bool
  description = "Whether costs are exported."
  default     = false
}

variable "export_type" {
  type        = string
  description = "What is exported."
  default     = "ActualCost"

  validation {
    condition     = contains(["FocusCost", "ActualCost", "AmortizedCost"], var.export_type)
    error_message = "export_type is FocusCost, ActualCost or AmortizedCost."
  }
}

variable "export_name" {
  type        = string
  description = "Name of the export."
  default     = "spendwatch"
}

variable "export_location" {
  type        = string
  description = "Region of the identity of the export."
  default     = ""
}

variable "export_storage_id" {
  type        = string
  description = "Resource id of the storage account that the export goes to."
  default     = ""
}

variable "export_from" {
  type        = string
  description = "First day of the export, which must not be over. The day after it is made, if empty."
  default     = ""
}
