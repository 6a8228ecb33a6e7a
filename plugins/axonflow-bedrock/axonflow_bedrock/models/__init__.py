"""Facts about every model, as data.

model_id            reads model ids and ARNs
table               limits, prices, inference profiles and lifecycles, from `models.json`
rules               what models refuse, and which need an inference profile; written by hand
profiles            which inference profile to call instead of a model
iam                 the IAM statements for a call
update, corrections generate `models.json`, which is not edited by hand
"""
