output "export_principal_id" {
  description = "Object id of the identity of the export, which must be let into the storage account; empty without one."
  value       = var.enable_cost_export ? azapi_resource.cost_export[0].identity[0].principal_id : ""
}
