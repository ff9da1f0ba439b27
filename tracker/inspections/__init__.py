"""Inspections: plan, visits, checklists, findings, remedies."""
