-- Brought together.


