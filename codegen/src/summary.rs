//! Counts of a protocol, as text and as JSON.

use std::fmt;

use crate::protocol::Protocol;

/// How much a protocol holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize))]
pub struct Summary {
    /// Version, for example `0-9-1`.
    pub version: String,
    /// Number of constants.
    pub constants: usize,
    /// Number of domains.
    pub domains: usize,
    /// Number of classes.
    pub classes: usize,
    /// Number of methods.
    pub methods: usize,
    /// Number of the methods' fields, reserved ones included.
    pub fields: usize,
    /// Number of content properties.
    pub properties: usize,
    /// The classes in the order of the specification.
    pub class: Vec<ClassSummary>,
}

/// How much a class holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize))]
pub struct ClassSummary {
    /// Name as written.
    pub name: String,
    /// Class id.
    pub index: u16,
    /// Number of methods.
    pub methods: usize,
    /// Number of the methods' fields, reserved ones included.
    pub fields: usize,
    /// Number of content properties.
    pub properties: usize,
}

impl Summary {
    /// Counts.
    #[must_use]
    pub fn new(protocol: &Protocol) -> Self {
        let class: Vec<ClassSummary> = protocol
            .classes
            .iter()
            .map(|class| ClassSummary {
                name: class.name.clone(),
                index: class.index,
                methods: class.methods.len(),
                fields: class.methods.iter().map(|method| method.fields().count()).sum(),
                properties: class.properties.len(),
            })
            .collect();
        Self {
            version: protocol.version.to_string(),
            constants: protocol.constants.len(),
            domains: protocol.domains.len(),
            classes: class.len(),
            methods: class.iter().map(|class| class.methods).sum(),
            fields: class.iter().map(|class| class.fields).sum(),
            properties: class.iter().map(|class| class.properties).sum(),
            class,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "AMQP {}: {} constants, {} domains, {} classes, {} methods, {} fields, {} properties",
            self.version,
            self.constants,
            self.domains,
            self.classes,
            self.methods,
            self.fields,
            self.properties
        )?;
        let width = self
            .class
            .iter()
            .map(|class| class.name.len())
            .max()
            .unwrap_or_default();
        for class in &self.class {
            writeln!(
                f,
                "{:5} {:width$} {:3} methods {:4} fields {:3} properties",
                class.index, class.name, class.methods, class.fields, class.properties
            )?;
        }
        Ok(())
    }
}
