"""The words everybody shares: ids, clock, money, telephone and e-mail normalisation, the error tree. No I/O."""
