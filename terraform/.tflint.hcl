plugin "terraform" {
  enabled = true
  preset  = "all"
}

# Environments are read from end to end: backend, providers and the call of one module.
rule "terraform_standard_module_structure" {
  enabled = false
}
