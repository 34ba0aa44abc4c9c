//! EBS, noun by noun.

use crate::aws::ec2::tagged::{Filter, Tag, TagSpecification, filters, specification, split, whole};

pub(crate) mod attachments;
mod cost;
pub(crate) mod snapshot_copies;
pub(crate) mod snapshots;
pub(crate) mod volumes;
