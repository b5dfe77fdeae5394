//! The one integration binary: the program from outside, in a throwaway home.
