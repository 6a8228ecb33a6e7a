"""Multi-agent plans: a question becomes steps for agents, and the steps become one answer.

terms      the words of plans
plan       a plan and its steps, as values
order      which step waits for which
agents     who does the steps: those of the configuration, and those that come with the package
planner    has a model write a plan, checks and bounds it
prompts    what agents are told
sealing    encrypts what is kept of plans
tables     the tables: plans, their versions, their steps, who runs them
book       reads and writes the tables
calls      the call of a step, and what comes of it
runs       runs the steps of one plan, each through governance
engine     has plans run to their end, whatever is killed meanwhile (DBOS)
pulses     which executors live
databases  where the engine keeps its own, and who may
requests   what clients ask, and what they are told
changes    who waits for changes of plans, and hears of them
ground     the generation of the configuration that plans stand on
service    the story of each thing that a client does with plans
"""
