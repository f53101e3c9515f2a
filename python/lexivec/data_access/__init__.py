"""The stores of `lexivec.platform.data_access` under shorter names."""
