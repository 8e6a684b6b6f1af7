"""What tests start and compare with: real servers, a faulty wire, and reference readings."""
