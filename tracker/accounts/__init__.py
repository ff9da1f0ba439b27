"""Accounts: sign-in, sessions, grants, deputies."""
