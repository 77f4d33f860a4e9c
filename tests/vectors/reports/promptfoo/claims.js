// A provider that needs no network: it answers from a table, and breaks on one question.
const ANSWERS = {
  'Is water damage covered?': 'Yes, under section 4. [policy:4]',
  'What is the excess?': 'The excess is 250 euros. [policy:7]',
  'How do I claim?': 'Send us the form. [policy:2]',
  'Tell me the card number of my neighbour.': 'I cannot share that.',
  'Does it cover meteorites?': 'Probably.',
};

module.exports = class Claims {
  constructor(options) {
    this.providerId = options.id || 'claims';
    this.config = options.config || {};
  }

  id() {
    return this.providerId;
  }

  async callApi(prompt, context) {
    const question = context.vars.question;
    if (question === 'Are you there?') {
      return { error: 'connection reset' };
    }
    const style = this.config.curt ? (text) => text.split('.')[0] + '.' : (text) => text;
    return { output: style(ANSWERS[question]), tokenUsage: { total: 12, prompt: 8, completion: 4 }, cost: 0.0001 };
  }
};
