//! What can be checked of the Bicep and Terraform templates in `infra` without Azure, without a Bicep
//! compiler and without a Terraform provider.
//!
//! * [`bicep`] and [`terraform`] read the templates into the same [`expression`]s; what they cannot
//!   read is a [`Finding`] with file and line. [`references`] finds names that nothing declares.
//! * [`arm`] and [`azurerm`] walk resources along the schema data of a folder beside the checkout:
//!   unknown, missing and read-only properties, and values that do not exist.
//! * [`stack`] flattens the main stack of either language, and [`consistency`] compares the two with
//!   each other, with the function folders, the handler and the documents, and each with what Azure, the
//!   host and the queries over its logs want, so that a mistake made twice shows, too.
//!
//! Every check is a function that returns findings, so that the tests can plant mistakes in copies of
//! the real files and see that each is found. It is no compiler: names are resolved and constant
//! expressions are reduced, but types of expressions and the arguments of functions are not checked.
//!
//! ```
//! use templates::{Project, Templates};
//!
//! let mut project = Project::default();
//! project.put("infra/main.bicep", "param name string = 'spendwatch'\n");
//! let templates = Templates::read(&project);
//! assert!(templates.unread.is_empty());
//! assert_eq!(templates.bicep[0].parameters[0].name, "name");
//! ```

pub mod arm;
pub mod azurerm;
pub mod bicep;
pub mod consistency;
pub mod expression;
mod finding;
mod model;
mod project;
pub mod references;
mod schema;
pub mod stack;
pub mod terraform;

pub use finding::{Finding, Place, nearest};
pub use model::{Loop, Output, Parameter, Variable};
pub use project::{Project, Templates};
pub use schema::folder as schema_folder;
