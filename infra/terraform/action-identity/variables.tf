variable "subscription_id" {
  type        = string
  description = "Id of the subscription that the identity may act in."
}

variable "identity_resource_group" {
  type        = string
  description = "Resource group that the identity is created in."
}

variable "location" {
  type        = string
  description = "Region of the identity."
}

variable "name" {
  type        = string
  description = "Name of the identity."
  default     = "spendwatch-actions"
}

variable "kinds" {
  type        = set(string)
  description = "Kinds of actions that it may carry out, as they are called in the configuration."

  validation {
    condition = length(var.kinds) > 0 && length(setsubtract(
      var.kinds, ["add-tag", "automation", "deallocate-vms", "scale-plan"]
    )) == 0
    error_message = "kinds are add-tag, automation, deallocate-vms and scale-plan; name at least one."
  }
}

variable "resource_groups" {
  type        = set(string)
  description = "Resource groups that it may act in. Without any it may act in the whole subscription."
  default     = []
}

variable "tags" {
  type        = map(string)
  description = "Tags of the identity."
  default     = {}
}
