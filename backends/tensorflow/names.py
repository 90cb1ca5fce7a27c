"""Names in a generated Keras module: Keras's own words for the hyperparameters, and none that Keras needs itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from adaspec import ir
from adaspec.emit import mangle
from adaspec.frozen import frozen
from adaspec.lower import Lowered
from adaspec.spec import Spec
from adaspec.words import words

KERAS_NAMES = {"lr": "learning_rate", "eps": "epsilon", "beta1": "beta_1", "beta2": "beta_2", "beta3": "beta_3"}

BASE_ARGUMENTS = (
    "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum", "ema_overwrite_frequency",
    "loss_scale_factor", "gradient_accumulation_steps", "name",
)  # fmt: skip
"""What every Keras optimizer takes beside its learning rate, but for `weight_decay`: see `Names.base_decay`."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PUBLIC = _words("""
    add_optimizer_variables add_variable add_variable_from_reference apply apply_gradients assign assign_add assign_sub
    build built clipnorm clipvalue ema_momentum ema_overwrite_frequency exclude_from_weight_decay
    finalize_variable_values from_config get_config global_clipnorm gradient_accumulation_steps iterations learning_rate
    load_own_variables loss_scale_factor name save_own_variables scale_loss set_weights stateless_apply swap_view
    update_step use_ema variables view self super float int bool callable math keras ops tf ValueError
""")
"""Attributes of `keras.optimizers.Optimizer` and words of the generated constructor: no hyperparameter is called so."""

PRIVATE = _words("""
    accumulated_gradients add_slot add_trackable_child add_variable_with_custom_getter all_reduce_sum_gradients
    api_export_path api_export_symbol_id apply_weight_decay backend_apply_gradients
    backend_increment_gradient_accumulators backend_reset_gradient_accumulators backend_update_step before_step
    check_super_called check_variables_are_known checkpoint_adapter checkpoint_dependencies clip_by_norm clip_gradients
    copy_late copy_of copy_trackable_to_cpu deferred_dependencies delete_tracking deserialization_dependencies
    deserialize_from_proto distributed_tf_update_step distribution_strategy exclude_from_weight_decay
    exclude_from_weight_decay_cache exclude_from_weight_decay_pattern export_to_saved_model_graph filter_empty_gradients
    gather_saveables_for_checkpoint get_current_learning_rate get_variable_index handle_deferred_dependencies held input
    inputs iterations keras_api_names keras_api_names_v1 late learning_rate lock lookup_dependency matched
    maybe_initialize_trackable model_variables_moving_average name_based_attribute_restore name_based_restores
    no_dependency obj_type object_identifier once_for_all overwrite_model_variables_with_average_value
    overwrite_variable_with_gradient overwrite_variables_directly_with_gradients preload_simple_restoration put_back
    restore_from_tensors self_name_based_restores self_saveable_object_factories self_setattr_tracking
    self_unconditional_checkpoint_dependencies self_unconditional_deferred_dependencies
    self_unconditional_dependency_names self_update_uid serialize_to_proto serialize_to_tensors setattr_tracking shown
    tf_api_names tf_api_names_v1 track_trackable track_variable trackable_children tracked tracker trainable_variables
    trainable_variables_indices unconditional_checkpoint_dependencies unconditional_dependency_names unpickle_model
    untrack_variable update_model_variables_moving_average update_uid update_variable use_weight_decay var_key variables
    weight_decay
""")
"""The same for names behind an underscore, where the slots live."""

LOCAL = _words("""
    self gradient variable learning_rate grads trainable_variables dtype index held kept part pairs scalar
    len max min abs range float zip any tuple list variables super math keras ops tf noise then otherwise
""")
"""What the generated methods call their own things."""

MODULE = frozenset({"math", "keras", "ops", "tf", "ValueError", "TypeError", "NotImplementedError"})


def class_name(spec: Spec) -> str:
    """The class's name in its module."""
    return mangle([spec.class_name], MODULE)[spec.class_name]


@frozen
class Names:
    """Every name of a spec with its spellings: as an argument, as an attribute, as a local of a method."""

    lowered: Lowered

    @property
    def rate(self) -> ir.Hyper | None:
        """The hyperparameter that is Keras's learning rate: a Variable or a schedule, known when a step runs."""
        return next((h for h in self.own if h.name == "lr" and not h.optional and not h.static), None)

    @property
    def own(self) -> tuple[ir.Hyper, ...]:
        return self.lowered.rule.hypers

    @property
    def plain(self) -> tuple[ir.Hyper, ...]:
        """All others: Python numbers, truth values or None, folded on the host."""
        return tuple(h for h in self.own if h is not self.rate)

    @property
    def decay(self) -> ir.Hyper | None:
        """The one that `exclude_from_weight_decay` turns off for a variable."""
        return next((h for h in self.plain if h.name == "weight_decay" and not h.static), None)

    @property
    def base_decay(self) -> bool:
        """Whether the decay that every Keras optimizer has is the base class's: it decays the variables before a step.

        A rule that has its own does it itself. With no learning rate there is nothing to scale it by, and what holds
        other readings of the variables, views and copies, would not see it.
        """
        rule = self.lowered.rule
        own = any(h.name == "weight_decay" for h in self.own)
        apart = bool(self.lowered.views) or any(s.init.kind == "copy" for s in rule.slots)
        return self.rate is not None and not own and not apart

    def off(self, hyper: ir.Hyper) -> bool:
        """Whether None means 0: the decay of a rule that has none unless asked, as in every Keras optimizer."""
        return hyper == self.decay and not hyper.optional and hyper.default == 0

    @property
    def aliases(self) -> dict[str, str]:
        """The spec's own names of arguments that have another one, and are not themselves the name of another."""
        known = {*self.public.values(), *BASE_ARGUMENTS, "weight_decay"}
        found = {n: public for n, public in self.public.items() if n not in known}
        before = {old: self.public[new] for old, new in self.lowered.spec.aliases.items() if old not in known}
        return found | before

    @cached_property
    def words(self) -> Mapping[str, ir.Word]:
        """What the native optimizer that the rule is, if it is one, calls things by words of its own."""
        return words(self.lowered.spec, "tensorflow")

    def slot(self, name: str) -> str:
        """How the variable of a slot is named, behind the path of its parameter."""
        return (self.words[name].word if name in self.words else None) or name

    def nothing(self, hyper: ir.Hyper) -> float | int | None:
        """The number that stands for None in the signature and in the attribute; None where None itself does."""
        return self.words[hyper.name].off if hyper.name in self.words and hyper.optional else None

    @cached_property
    def public(self) -> dict[str, str]:
        """Arguments of the constructor, by the spec's name; also the keys of the config."""
        rate, own = self.rate, [h.name for h in self.plain]
        keras = {n: KERAS_NAMES[n] if n in KERAS_NAMES and KERAS_NAMES[n] not in own else n for n in own}
        given = mangle(keras.values(), PUBLIC)
        return ({rate.name: "learning_rate"} if rate else {}) | {n: given[keras[n]] for n in own}

    @cached_property
    def attributes(self) -> dict[str, str]:
        """What a method reads of a hyperparameter: the attribute, or None where it holds the number that means that."""
        off = {h.name: self.nothing(h) for h in self.plain}
        return {
            n: held
            if off[n] is None
            else f"({held} or None)"
            if off[n] == 0
            else f"(None if {held} == {off[n]} else {held})"
            for n, held in self.held.items()
        }

    @cached_property
    def held(self) -> dict[str, str]:
        """The attribute of a hyperparameter; the base class would read `weight_decay` and decay by itself."""
        public = {h.name: self.public[h.name] for h in self.plain}
        return {n: f"self._{word}" if word == "weight_decay" else f"self.{word}" for n, word in public.items()}

    @cached_property
    def state(self) -> dict[str, str]:
        """The attributes that hold slots (a list, one entry per variable) and shared scalars."""
        lowered = self.lowered
        reserved = {f"view_{v.label}" for v in lowered.views} | {f"phase_{k + 1}" for k in range(len(lowered.phases))}
        return {n: f"_{new}" for n, new in mangle(lowered.rule.state_names, PRIVATE | reserved).items()}

    @cached_property
    def local(self) -> dict[str, str]:
        """Locals of the methods."""
        lowered, rule = self.lowered, self.lowered.rule
        names = [*rule.declared]
        for phase in lowered.phases:
            names += [*ir.assigned(phase.scalars), *ir.assigned(phase.body), *(t.name for t in phase.totals)]
        for view in lowered.views:
            names += [*view.arguments, *view.bound]
        return mangle(names, LOCAL)
