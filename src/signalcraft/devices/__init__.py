"""The device registry: who may post readings and recordings, and with which token."""
