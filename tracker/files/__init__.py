"""Files: storage by content, attachments with the rights of their record."""
