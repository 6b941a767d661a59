// sfdx-lwc-jest over components that lie elsewhere: sfdx-project.json beside this file says where.
const { resolve } = require('node:path');
const { jestConfig } = require('@salesforce/sfdx-lwc-jest/config');

module.exports = {
    ...jestConfig,
    roots: ['<rootDir>/components', resolve(__dirname, '../../connectors/salesforce/force-app')],
    testMatch: ['<rootDir>/components/*.test.js'],
    collectCoverage: false
};
