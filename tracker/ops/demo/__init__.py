"""Demo data: three plans and their figures from the press, and a lively one of this year.

Whatever the articles do not say (titles of tasks, names of people, dates of single reports) is
invented, and each such task is marked so.
"""
