"""Multi-agent plans: a question becomes steps for agents, and the steps become one answer.

terms      the words of plans
plan       a plan and its steps, as values
order      which step waits for which
agents     who does the steps: those of the configuration, and those that come with the package
planner    has a model write a plan, checks and bounds it
prompts    what agents are told
sealing    encrypts what is kept of plans
book       the tables: plans, their versions, what came of their steps
runs       runs the steps of one plan, each through governance
engine     has plans run to their end, whatever is killed meanwhile (DBOS)
service    the story of each thing that a client does with plans
"""
