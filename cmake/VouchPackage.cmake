# Install rules and package files. Filled in together with tests/package_test.
