//! What an executable asks of the machine it is started on.

use std::path::Path;

use anyhow::{Context, ensure};
use object::LittleEndian;
use object::elf::{DT_NEEDED, EM_X86_64, FileHeader64, PT_INTERP};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};

/// How an executable is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Linkage {
    /// It needs nothing but a kernel.
    Static,
    /// It wants a loader, or libraries.
    Dynamic,
}

impl Linkage {
    /// Reads it from an ELF executable for x86-64; everything else is an error.
    pub(crate) fn of(executable: &Path) -> anyhow::Result<Self> {
        let bytes =
            std::fs::read(executable).with_context(|| format!("read {}", executable.display()))?;
        Self::in_bytes(&bytes)
            .with_context(|| format!("{} is no executable of ours", executable.display()))
    }

    fn in_bytes(bytes: &[u8]) -> anyhow::Result<Self> {
        let header = FileHeader64::<LittleEndian>::parse(bytes)?;
        let endian = header.endian()?;
        let machine = header.e_machine(endian);
        ensure!(machine == EM_X86_64, "it is for the machine {machine}");
        for segment in header.program_headers(endian, bytes)? {
            if segment.p_type(endian) == PT_INTERP {
                return Ok(Linkage::Dynamic);
            }
            let entries = segment.dynamic(endian, bytes)?.unwrap_or_default();
            if entries.iter().any(|entry| entry.d_tag(endian) == DT_NEEDED) {
                return Ok(Linkage::Dynamic);
            }
        }
        Ok(Linkage::Static)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_linked_to_the_c_library_of_this_machine() {
        let this = std::env::current_exe().unwrap();
        assert_eq!(Linkage::of(&this).unwrap(), Linkage::Dynamic);
    }

    #[test]
    fn what_is_no_executable_is_an_error() {
        for bytes in [&b""[..], b"#!/bin/sh\n", b"\x7fELF\x01\x01\x01"] {
            assert!(Linkage::in_bytes(bytes).is_err());
        }
    }
}
