# The targets of the two Makefiles that Starling replaces, under their old names: docs/coming-from-the-makefiles.md.
# Each is one call of the command line (`npm run starling -- help`), which does the work. Needs GNU make.
#
#   make deploy-compute CLUSTER=lab AGENT_COUNT=5     variables choose; what is not given stays as it is
#   make destroy-cluster YES=1                        does not ask

CLUSTER ?= demo
PARAMS ?= parameters/$(CLUSTER).yaml
STARLING ?= node bin/starling.mjs
# Also: LOCATION AGENT_COUNT AGENT_SIZE AGENT_PRIORITY MASTER_COUNT MASTER_SIZE ENGINE ENGINE_VERSION SSH_FROM SSH_PORT
#       RESIZE_TO REPLICAS ON_NODE UNIT, and YES=1. May stand in a file `.env` as well.
-include .env

SSH_KEY ?= keys/cluster
YES_FLAG = $(if $(YES),--yes)
ON = --cluster $(CLUSTER)
SPOT_Spot = --spot
SPOT_Regular = --no-spot
# As it was called in the old one.
ENGINE_VERSION ?= $(K3S_VERSION)
SPEC = $(if $(LOCATION),--location $(LOCATION)) \
	$(if $(ENGINE),--engine $(ENGINE)) $(if $(ENGINE_VERSION),--engine-version $(ENGINE_VERSION)) \
	$(if $(MASTER_COUNT),--masters $(MASTER_COUNT)) $(if $(MASTER_SIZE),--master-size $(MASTER_SIZE)) \
	$(if $(AGENT_COUNT),--agents $(AGENT_COUNT)) $(if $(AGENT_SIZE),--size $(AGENT_SIZE)) $(SPOT_$(AGENT_PRIORITY)) \
	$(if $(SSH_FROM),--ssh-key $(SSH_KEY).pub --ssh-from $(SSH_FROM)) $(if $(SSH_PORT),--ssh-port $(SSH_PORT))
# What `make params` has written; without it the cluster's own spec, or the defaults.
FILE = $(wildcard $(PARAMS))

.DEFAULT_GOAL := help
.PHONY: help keys clean deploy-storage create-shares params deploy-compute deploy-cluster redeploy view-deployment \
	watch-deployment resources list-agents show-agents stop-agents start-agents resize-agents-up resize-agents-down \
	reimage-agents-parallel reimage-agents-serial chaos-monkey endpoints list-endpoints locations list-locations sizes \
	list-sizes list-images proxy tail-helper deploy-monitor kill-monitor deploy-replicated-service deploy-global-service \
	update-service deploy-stack destroy-replicated-service destroy-service destroy-global-service destroy-stack \
	destroy-monitor destroy-cluster destroy-compute destroy-storage

help: ## this list
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "%-28s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

keys: ## an SSH key pair in keys/
	$(STARLING) keys --out $(SSH_KEY)
params: ## what will be deployed, as a file to look at and change
	$(STARLING) params $(SPEC) --out $(PARAMS)
clean: ## forgets that file
	rm -f $(PARAMS)
deploy-storage: ## network and shared storage alone
	$(STARLING) up $(FILE) $(ON) $(SPEC) --only storage
create-shares: deploy-storage ## the same: shares come with the storage
deploy-compute: ## masters and agents
	$(STARLING) up $(FILE) $(ON) $(SPEC) $(YES_FLAG)
deploy-cluster: deploy-compute ## the same, with the storage when it is not there yet
redeploy: ## destroy-compute and deploy-compute
	$(MAKE) -f $(firstword $(MAKEFILE_LIST)) destroy-compute
	$(MAKE) -f $(firstword $(MAKEFILE_LIST)) deploy-compute
view-deployment: ## each resource and its state
	$(STARLING) deployment $(ON)
watch-deployment: ## live, until it is done
	$(STARLING) watch $(ON) --until-done
resources: ## all clusters
	$(STARLING) status

list-agents: ## masters and agents
	$(STARLING) nodes $(ON)
show-agents: ## the cluster with all that is known of it
	$(STARLING) status $(ON) --json
scale-agents-%: ## to so many, as in scale-agents-7
	$(STARLING) scale $* $(ON) $(YES_FLAG)
stop-agents: ## all agents, drained first
	$(STARLING) stop --agents $(ON)
start-agents: ## those that are stopped
	$(STARLING) start --agents $(ON)
resize-agents-up: ## to the next larger size, or RESIZE_TO
	$(STARLING) resize $(or $(RESIZE_TO),up) $(ON)
resize-agents-down: ## to the next smaller size, or RESIZE_TO
	$(STARLING) resize $(or $(RESIZE_TO),down) $(ON)
reimage-agents-parallel: ## empty disks, all at once
	$(STARLING) reimage --order parallel $(ON) $(YES_FLAG)
reimage-agents-serial: ## empty disks, one after another
	$(STARLING) reimage --order serial $(ON) $(YES_FLAG)
chaos-monkey: ## restarts all agents in random order, one after another, and reports
	$(STARLING) chaos run --action restart --fraction 1 $(ON)

list-endpoints: ## public names and ports
	$(STARLING) endpoints $(ON)
endpoints: list-endpoints ## the same
list-locations: ## of Azure
	$(STARLING) locations
locations: list-locations ## the same
list-sizes: ## of machines in LOCATION
	$(STARLING) sizes $(if $(LOCATION),--location $(LOCATION))
sizes: list-sizes ## the same
list-images: ## of the operating system in LOCATION
	$(STARLING) images $(if $(LOCATION),--location $(LOCATION))
proxy: ## doors to the cluster on this machine, through master0
	$(STARLING) proxy $(ON) --identity $(SSH_KEY).pem $(PROXY_FLAGS)
tail-helper: ## the journal of UNIT on ON_NODE, as it grows
	$(STARLING) logs $(or $(ON_NODE),master0) $(if $(UNIT),--unit $(UNIT)) --follow $(ON)

deploy-monitor: ## Headlamp on k3s, Dozzle on Swarm; says where it is reached
	$(STARLING) workload apply monitor $(ON)
kill-monitor: ## removes it
	$(STARLING) workload remove monitor $(ON) $(YES_FLAG)
destroy-monitor: kill-monitor ## the same
deploy-replicated-service: ## a web service with REPLICAS (8) copies
	$(STARLING) workload apply replicated --replicas $(or $(REPLICAS),8) $(ON)
deploy-global-service: ## a web service with one copy on each node that takes work
	$(STARLING) workload apply global $(ON)
scale-service-%: ## the replicated service to so many copies, as in scale-service-4
	$(STARLING) workload scale replicated $* $(ON)
update-service: ## brings the replicated service to what this release deploys
	$(STARLING) workload apply replicated $(if $(REPLICAS),--replicas $(REPLICAS)) $(ON)
deploy-stack: ## a web service with Redis behind it
	$(STARLING) workload apply stack $(ON)
destroy-replicated-service: ## removes it
	$(STARLING) workload remove replicated $(ON) $(YES_FLAG)
destroy-service: destroy-replicated-service ## the same
destroy-global-service: ## removes it
	$(STARLING) workload remove global $(ON) $(YES_FLAG)
destroy-stack: ## removes it
	$(STARLING) workload remove stack $(ON) $(YES_FLAG)

destroy-cluster: ## everything, with proof
	$(STARLING) down $(ON) $(YES_FLAG)
destroy-compute: ## all but the shared storage
	$(STARLING) down --storage keep $(ON) $(YES_FLAG)
destroy-storage: ## the shared storage that was kept
	$(STARLING) down --storage delete $(ON) $(YES_FLAG)
