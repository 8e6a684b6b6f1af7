"""Limits of the grammar."""

LINE_OCTETS = 12 * 1024
"""RFC 5321 §4.5.3.1.4 asks for 512; AUTH's lines may have 12,288 (RFC 4954 §4)."""
ADDRESS_OCTETS = 254
"""RFC 5321 §4.5.3.1.3, less the angle brackets."""
LOCAL_OCTETS = 64
"""RFC 5321 §4.5.3.1.1"""
DOMAIN_OCTETS = 255
"""RFC 5321 §4.5.3.1.2"""
REPLY_LINES = 200
"""Of one reply from another server."""
REPLY_LINE_OCTETS = 4096
"""RFC 5321 §4.5.3.1.5 asks for 512; some servers say more."""
