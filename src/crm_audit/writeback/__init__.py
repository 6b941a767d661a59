"""5, 6 · Write-back: what the CRM should show, the smallest set of writes, and carrying them out."""
