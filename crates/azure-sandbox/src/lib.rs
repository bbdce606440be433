//! azure-sandbox
