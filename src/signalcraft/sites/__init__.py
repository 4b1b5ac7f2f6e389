"""Sites: the shops whose machines are listened to, and who belongs to them."""
