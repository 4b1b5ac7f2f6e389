"""What people read of a diagnosis: the verdict, where the sound differs, and what to do, in English and Korean."""

from collections.abc import Sequence

from signalcraft.core.language import Language
from signalcraft.diagnosis.explanation import Compared
from signalcraft.diagnosis.judgement import Basis, Verdict

_EN, _KO = Language.ENGLISH, Language.KOREAN

# How people call the states that models know; a state that is not here is called by its own name.
_STATES: dict[str, dict[Language, str]] = {
    "healthy": {_EN: "healthy", _KO: "정상"},
    "inlet_valve_leak": {_EN: "a leak of the inlet valve", _KO: "흡입 밸브 누설"},
    "outlet_valve_leak": {_EN: "a leak of the outlet valve", _KO: "토출 밸브 누설"},
    "non_return_valve": {_EN: "the non-return valve", _KO: "체크 밸브"},
    "piston_ring": {_EN: "the piston ring", _KO: "피스톤 링"},
    "flywheel": {_EN: "the flywheel", _KO: "플라이휠"},
    "rider_belt": {_EN: "the rider belt", _KO: "라이더 벨트"},
    "bearing": {_EN: "the bearing", _KO: "베어링"},
}
_ACTIONS: dict[str, dict[Language, str]] = {
    "inlet_valve_leak": {
        _EN: "Have the inlet valve taken out: check plates, springs and seat for wear and dirt, and the air filter before it.",
        _KO: "흡입 밸브를 분해하여 밸브판, 스프링, 시트의 마모와 이물질을 점검하고 그 앞의 공기 필터도 확인하십시오.",
    },
    "outlet_valve_leak": {
        _EN: "Have the outlet valve taken out: check plates, springs and seat for wear and carbon; watch the outlet temperature "
        "until then.",
        _KO: "토출 밸브를 분해하여 밸브판, 스프링, 시트의 마모와 탄소 침적을 점검하고, 그때까지 토출 온도를 지켜보십시오.",
    },
    "non_return_valve": {
        _EN: "Have the non-return valve before the tank checked: when the machine stops, no air may flow back.",
        _KO: "탱크 앞의 체크 밸브를 점검하십시오. 기계가 멈췄을 때 공기가 역류해서는 안 됩니다.",
    },
    "piston_ring": {
        _EN: "Have compression and oil consumption measured; worn piston rings are replaced as a set.",
        _KO: "압축 압력과 오일 소비량을 측정하십시오. 마모된 피스톤 링은 한 세트로 교체합니다.",
    },
    "flywheel": {
        _EN: "Stop the machine soon and check the flywheel: its bolts and key, its balance and its run-out.",
        _KO: "가능한 한 빨리 기계를 멈추고 플라이휠의 볼트와 키, 균형, 흔들림을 점검하십시오.",
    },
    "rider_belt": {
        _EN: "Check the belt's tension, alignment and surface; replace it if it is glazed or cracked.",
        _KO: "벨트의 장력, 정렬, 표면 상태를 점검하고 미끄럽게 닳았거나 갈라졌으면 교체하십시오.",
    },
    "bearing": {
        _EN: "Have the bearings checked for play, heat and dry grease; plan their replacement before they seize.",
        _KO: "베어링의 유격, 발열, 윤활 상태를 점검하고 고착되기 전에 교체를 계획하십시오.",
    },
}
_OTHERWISE: dict[Verdict, dict[Language, str]] = {
    Verdict.NORMAL: {_EN: "Nothing needs to be done.", _KO: "조치가 필요하지 않습니다."},
    Verdict.ANOMALOUS: {
        _EN: "Have the machine looked at; the bands tell where its sound has changed.",
        _KO: "기계를 점검하십시오. 주파수 대역이 소리가 달라진 곳을 알려 줍니다.",
    },
    Verdict.UNKNOWN: {
        _EN: "Record again, closer to the machine and without other sounds; if it stays unknown, let the machine's own normal "
        "be learnt.",
        _KO: "다른 소리가 없을 때 기계에 더 가까이에서 다시 녹음하십시오. 그래도 알 수 없다면 이 기계의 정상 소리를 학습시키십시오.",
    },
}
_SENTENCES: dict[Verdict, dict[Language, str]] = {
    Verdict.NORMAL: {
        _EN: "The machine sounds normal ({percent} % sure).",
        _KO: "기계 소리가 정상입니다(확신도 {percent} %).",
    },
    Verdict.ANOMALOUS: {
        _EN: "The machine does not sound normal ({percent} % sure); most likely it is {name}.",
        _KO: "기계 소리가 정상이 아닙니다(확신도 {percent} %). 가장 유력한 원인은 {name}입니다.",
    },
    Verdict.UNKNOWN: {
        _EN: "This sound is none that the model knows, so there is no verdict.",
        _KO: "모델이 모르는 소리여서 판정하지 않았습니다.",
    },
}
_NORMAL_OF: dict[Compared | None, dict[Language, str]] = {
    Compared.DEVICE: {_EN: "this machine's own normal", _KO: "이 기계의 정상 소리"},
    Compared.REFERENCE: {_EN: "the reference machine's normal", _KO: "기준 기계의 정상 소리"},
}
_NOTHING_STANDS_OUT = {
    _EN: "No band stands out against {normal}.",
    _KO: "{normal}와 비교하여 두드러진 대역이 없습니다.",
}
_NOT_COMPARED: dict[Compared | None, dict[Language, str]] = {
    Compared.UNKNOWN_SOUND: {
        _EN: "Not compared with normal: where the sound is not known, a comparison would say nothing of the machine.",
        _KO: "정상 소리와 비교하지 않았습니다. 모르는 소리라면 비교해도 기계에 대해 알 수 있는 것이 없습니다.",
    },
    Compared.NO_REFERENCE: {
        _EN: "Not compared: no normal sound is known to compare with.",
        _KO: "비교하지 않았습니다. 비교할 정상 소리가 없습니다.",
    },
    None: {
        _EN: "Not compared: an earlier release judged this recording.",
        _KO: "비교하지 않았습니다. 이전 버전이 판정한 녹음입니다.",
    },
}


def action(language: Language, verdict: Verdict, state: str | None) -> str:
    """What to do about it."""
    if verdict is Verdict.ANOMALOUS and state in _ACTIONS:
        return _ACTIONS[state][language]
    return _OTHERWISE[verdict][language]


def summary(
    language: Language, compared: Compared | None, differences: Sequence[tuple[int, int, float]]
) -> str:
    """Where the sound differs: from and to in Hz, and by how many dB."""
    if compared not in _NORMAL_OF:
        return _NOT_COMPARED[compared][language]
    if not differences:
        return _NOTHING_STANDS_OUT[language].format(normal=_NORMAL_OF[compared][language])
    if language is Language.KOREAN:
        parts = [f"{low}~{high} Hz에서 {by:+.1f} dB" for low, high, by in differences]
        return f"{_NORMAL_OF[compared][language]}와 비교하면 " + ", ".join(parts) + " 차이가 납니다."
    parts = [
        f"{'louder' if by > 0 else 'quieter'} by {abs(by):.1f} dB from {low} to {high} Hz"
        for low, high, by in differences
    ]
    return f"Against {_NORMAL_OF[compared][language]}: " + ", ".join(parts) + "."


def message(
    language: Language, verdict: Verdict, state: str | None, confidence: float, basis: Basis = Basis.REFERENCE
) -> str:
    """The verdict as a sentence."""
    if basis is Basis.BASELINE:
        return _by_baseline(language, verdict, state)
    return _SENTENCES[verdict][language].format(
        percent=f"{100 * confidence:.0f}", name=_name(language, state)
    )


def _by_baseline(language: Language, verdict: Verdict, state: str | None) -> str:
    if verdict is Verdict.NORMAL:
        return {
            _EN: "The machine sounds as it did when its normal was learnt.",
            _KO: "기계 소리가 정상으로 학습한 때와 같습니다.",
        }[language]
    changed = {
        _EN: "The machine no longer sounds like itself",
        _KO: "기계 소리가 이 기계의 평소 소리와 다릅니다",
    }[language]
    if state is None:
        return f"{changed}."
    opinion = {
        _EN: f"; the reference model hears {_name(_EN, state)}",
        _KO: f". 기준 모델이 본 원인은 {_name(_KO, state)}입니다",
    }[language]
    return f"{changed}{opinion}."


def _name(language: Language, state: str | None) -> str:
    if state in _STATES:
        return _STATES[state][language]
    return (state or "").replace("_", " ")
