"""Tables as other tools declare them, made into what `reconcile` would have read of the live ones.

`cloudformation` reads templates, those that CDK synthesised included; `terraform` reads a state or a plan as JSON. Both
fill `found`, which gives the replies that the service would have given: what is made of those is known already.
"""
