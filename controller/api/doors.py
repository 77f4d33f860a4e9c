"""What each address takes: the one place that says who may come in by which door.

The guards go by the matched endpoint, never by the path. One that is not named here is for those who administer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from controller.permissions import Permission

_DOORS: Mapping[Permission, str] = {
    Permission.READ: """
        break_glass.list_break_glasses break_glass.show_break_glass
        destinations.list_deliveries destinations.list_destinations
        drills.list_runs drills.show_drill drills.show_run
        evidence.list_evidence evidence.list_measurements evidence.list_waivers evidence.show_evidence
        features.compare_releases features.list_features features.list_releases features.show_feature
        features.show_release
        governance.list_groups governance.show_plans
        incidents.list_incidents incidents.show_incident
        instances.list_instances instances.summarise members.list_members
        narrowings.list_narrowings
        plain_flags.export_flags plain_flags.list_flags plain_flags.list_stale_flags plain_flags.show_flag
        projects.list_changes projects.list_environments projects.list_keys projects.list_projects
        projects.list_sources projects.show_environment projects.show_project
        ramps.show_forecast ramps.show_ramp
        readiness.show_readiness readiness.show_review readiness.show_review_page
        ready-made.list_ready_made
        registries.list_registries requirements.list_requirements revert_targets.show_target
        proposals.list_about_feature proposals.list_about_source proposals.list_waiting
        rollouts.list_promotions rollouts.list_rollouts rollouts.show_promotion rollouts.show_release_standing
        rollouts.show_rollout
        shared_incidents.list_shared_incidents tasks.list_tasks
        trigger_reviews.list_proposals trigger_reviews.show_record
        triggers.explain_reading triggers.list_readings triggers.list_triggers triggers.show_trigger

        console.show_audit console.show_board console.show_break_glass console.show_environments
        console.download_evidence console.show_evidence console.show_feature console.show_feature_record
        console.show_first_run console.show_incident
        console.show_incidents console.show_keys console.show_notices
        console.show_flag console.show_flags console.try_flag console.export_flags
        console.show_people console.show_plans console.show_promotion console.show_proposals
        console.show_pulse console.show_ramp console.show_readings
        console.show_release console.show_release_approval console.show_review
        console.show_served console.show_sources console.show_trigger
        console.show_triggers console.download_review console.export_audit console.verify_audit
    """,
    # Of moves and verdicts, those that go up take more: the view asks for it.
    Permission.REDUCE: """
        drills.begin_run evidence.end_waiver features.judge_release
        incidents.close_incident incidents.confirm_pointer incidents.force_pointer incidents.retry_pointer
        incidents.verify_incident
        ramps.pause_ramp rollouts.move rollouts.withdraw_promotion
        shared_incidents.close_shared_incident tasks.close_task
        trigger_reviews.mute trigger_reviews.unmute trigger_reviews.withdraw_proposal triggers.acknowledge
        proposals.withdraw_about_feature proposals.withdraw_about_source

        console.acknowledge console.close_incident console.mute_trigger console.pause_ramp console.settle_pointer
        console.stop
        console.show_acknowledge console.show_stop
        console.unmute_trigger console.verify_incident console.withdraw_promotion console.withdraw_proposal
        console.withdraw_proposed
    """,
    Permission.EDIT: """
        backtests.run_backtest drills.configure_drill
        evidence.accept_evidence evidence.import_report evidence.report_measurement
        features.change_feature features.delete_feature features.make_feature features.make_release
        features.revive_feature
        narrowings.define_narrowing narrowings.drop_narrowing
        plain_flags.delete_flag plain_flags.import_flags plain_flags.revive_flag plain_flags.set_flag
        projects.change_source projects.connect_source projects.test_source
        ramps.start_ramp ready-made.add_ready_made
        registries.change_registry registries.connect_registry registries.disconnect_registry
        registries.test_registry
        proposals.propose_feature proposals.propose_source
        rollouts.ask_promotion trigger_reviews.propose
        triggers.add_trigger triggers.change_trigger triggers.drop_trigger

        console.add_ready_made console.arm_trigger console.ask_for_promotion console.begin_beta
        console.begin_feature console.begin_release console.change_sources console.connect_prometheus
        console.connect_sources console.hand_in_evidence console.hand_in_report console.pick_triggers
        console.post_new_trigger console.post_trigger console.remove_trigger console.resume
        console.show_new_trigger console.show_ready_made console.show_resume console.test_sources
        console.adopt_release console.change_feature_record console.introduce_release console.make_feature
        console.post_new_release console.show_new_feature console.show_new_release console.start_ramp
        console.make_flag console.change_flag console.delete_flag console.import_flags
        console.revive_flag
    """,
    Permission.APPROVE: """
        break_glass.regularise break_glass.review evidence.waive ramps.approve_step
        proposals.approve_about_feature proposals.approve_about_source
        rollouts.approve_promotion rollouts.approve_release trigger_reviews.approve_proposal

        console.approve_promotion console.approve_proposal console.approve_ramp_step console.approve_release
        console.approve_proposed
        console.regularise_break_glass console.review_break_glass console.waive_requirement
    """,
    Permission.BREAK_GLASS: "break_glass.break_glass console.enter_by_break_glass",
    # Those that name no project are for whoever runs the installation.
    Permission.ADMINISTER: """
        destinations.change_destination destinations.connect_destination destinations.disconnect_destination
        destinations.send_again destinations.test_destination
        governance.set_group governance.tighten_plans members.remove_member members.set_member
        projects.expire_key projects.make_environment projects.make_key projects.make_project projects.revoke_key
        users.change_user users.give_password users.invite_user users.list_users users.show_user

        console.begin_key console.begin_project console.change_notices console.connect_notices
        console.disconnect_notices console.load_demo console.make_environment console.make_key
        console.remove_demo console.replace_key console.revoke_key console.show_demo_removal console.test_notices
        console.remove_member console.set_group console.set_member console.tighten_plans
        console.expire_key
        console.change_user console.give_password console.invite_user console.show_users
    """,
}


def _each() -> Iterator[tuple[str, Permission]]:
    for permission, endpoints in _DOORS.items():
        yield from ((endpoint, permission) for endpoint in endpoints.split())


DOORS: Mapping[str, Permission] = dict(_each())
"""What somebody has to be allowed to do in the project that an address names, by its endpoint."""

OF_ONESELF = frozenset({"console.show_password", "console.change_password", "console.sign_out"})
"""For everybody who is signed in, whatever they may do."""

FOLLOWING_THE_SWITCH = frozenset({"console.show_board", "console.show_first_run"})
"""Pages whose project stands in the query of their address."""
STEPS = frozenset(
    {
        "console.begin_project",
        "console.begin_feature",
        "console.begin_key",
        "console.connect_prometheus",
        "console.pick_triggers",
        "console.begin_release",
        "console.begin_beta",
    }
)
"""Steps of the first run, whose form names the project; the first step makes one where it names none."""


def permission_for(endpoint: str) -> Permission:
    """What an endpoint takes."""
    return DOORS.get(endpoint, Permission.ADMINISTER)
