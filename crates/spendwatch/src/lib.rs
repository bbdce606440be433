//! spendwatch
