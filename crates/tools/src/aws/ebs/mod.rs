//! EBS, noun by noun.

use crate::aws::ec2::tagged::{Filter, Tag, TagSpecification, filters, specification, split};

pub(crate) mod snapshots;
pub(crate) mod volumes;
