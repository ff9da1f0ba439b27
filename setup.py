"""Packaging of the tracker's core: metadata, dependencies and what travels in the wheel.

``templates/`` and ``migrations/`` stand at the top of the checkout; in the wheel they become
``tracker.templates`` and ``tracker.migrations``, so that an installed copy finds them beside
the code. Plug-ins are distributions of their own and are never part of this one.
"""

from pathlib import Path

from setuptools import find_namespace_packages, setup

ROOT = Path(__file__).parent
# Folders outside tracker/ that are installed inside it. They need no __init__.py.
MAPPED = {"tracker.templates": "templates", "tracker.migrations": "migrations"}


def packages_in(name: str, folder: str) -> list[str]:
    """Return the package ``name`` and one package for each folder below ``folder``.

    A folder that is not there yields nothing.
    """
    if not (ROOT / folder).is_dir():
        return []
    below = find_namespace_packages(str(ROOT / folder), exclude=["*__pycache__*"])
    return [name, *(f"{name}.{package}" for package in below)]


packages = find_namespace_packages(
    str(ROOT), include=["tracker", "tracker.*"], exclude=["*__pycache__*"]
)
for mapped_name, mapped_folder in MAPPED.items():
    packages += packages_in(mapped_name, mapped_folder)

readme = ROOT / "README.md"

setup(
    name="tracker",
    # The only place where the version stands; tracker.__version__ reads it from the metadata.
    version="0.1.0",
    description="Tracks administrative-reform plans, the work under them and its inspection",
    long_description=readme.read_text(encoding="utf-8") if readme.exists() else "",
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=packages,
    package_dir={
        "tracker": "tracker",
        **{name: folder for name, folder in MAPPED.items() if (ROOT / folder).is_dir()},
    },
    include_package_data=False,
    package_data={
        "": [
            "*.html",
            "*.txt",
            "*.xml",
            "*.mako",
            "*.css",
            "*.js",
            "*.json",
            "*.svg",
            "*.png",
            "*.jpg",
            "*.ico",
            "*.webmanifest",
            "*.woff2",
            "*.ttf",
            "*.gz",
            "*.po",
            "*.mo",
            "*.tmpl",
            "*.md",
            "LICENSE*",
            "py.typed",
        ]
    },
    # Ranges; the exact set that is run and tested is in requirements/. The reason for each
    # is in docs/decisions/dependencies.md.
    install_requires=[
        "flask>=3.1.3,<3.2",
        "werkzeug>=3.1.9,<3.2",
        "jinja2>=3.1.6,<4",
        "flask-sqlalchemy>=3.1.1,<3.2",
        "sqlalchemy>=2.1.9,<2.2",
        "flask-login>=0.6.3,<0.7",
        "flask-admin>=2.2.1,<2.3",
        "flask-wtf>=1.3,<2",
        "wtforms>=3.3.2,<3.4",
        "flask-babel>=4,<5",
        "babel>=2.16,<3",
        "alembic>=1.20.1,<1.21",
        "apscheduler>=3.11.3,<4",
        "pluggy>=1.7,<2",
        "argon2-cffi>=25.1,<26",
        "cryptography>=45",
        "packaging>=24",
        "click>=8.1,<9",
        "gunicorn>=27.0.1,<28; sys_platform != 'win32'",
        "waitress>=3.0.2,<4; sys_platform == 'win32'",
        "openpyxl>=3.1.5,<3.2",
        "defusedxml>=0.7.1,<0.8",
        "xlsxwriter>=3.3.1,<4",
        "pillow>=11,<13",
        "holidays>=0.109,<1",
        "icalendar>=7.3,<8",
        "tzdata",
    ],
    extras_require={
        "postgres": ["psycopg[binary]>=3.3.9,<3.4"],
        "s3": ["boto3>=1.40,<2"],
    },
    entry_points={
        "console_scripts": ["tracker = tracker.cli:main"],
        # Fixtures for the tests of plug-ins, found by pytest itself.
        "pytest11": ["tracker.testing.plugin = tracker.testing.plugin"],
    },
    classifiers=[
        "Framework :: Flask",
        "Natural Language :: Vietnamese",
        "Natural Language :: English",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Typing :: Typed",
    ],
)
