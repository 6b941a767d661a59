"""What happens in a CRM over the years, at random, with whatever can go wrong while it is read."""
