//! A cluster to practise and test on.
