"""The sensitivity screen's own parts: what a form means, what the charts show of a sweep's results, and the form's widgets."""
