"""How every page looks and behaves: the frame, its words and dates, its errors, health and metrics; and the doors that all rooms ask."""
