//! Conditions of a stack, by kstatus.
